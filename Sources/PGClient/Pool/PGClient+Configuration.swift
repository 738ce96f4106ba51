extension PGClient {
    /// How to reach the database, and the limits of doing so.
    public struct Configuration: Sendable {
        /// A libpq connection URI or keyword string; every option of libpq (TLS, several hosts, passfile, …) is its.
        public var url: String
        /// 1…; sessions are dear to the server: some tens at most.
        public var maxConnections = 8
        /// Callers that may wait for a connection at once; more are told so at once.
        public var maxWaiters = 10_000
        /// How long a caller waits in line for a connection. One whose turn it is to make a connection waits for that besides: `connectTimeout`.
        public var acquireTimeout: Duration = .seconds(5)
        /// How long making a connection may take, for each host that is tried; `connect_timeout` of the URL goes before.
        public var connectTimeout: Duration = .seconds(5)
        /// Longest run of one statement; 0 for no limit.
        public var statementTimeout: Duration = .seconds(30)
        /// Longest wait for a lock; 0 for no limit.
        public var lockTimeout: Duration = .seconds(10)
        /// Longest silence inside a transaction; 0 for no limit.
        public var idleInTransactionTimeout: Duration = .seconds(30)
        /// Idle connections are tried this often.
        public var healthCheckInterval: Duration = .seconds(10)
        /// How long an idle connection that is tried may take to answer.
        public var healthCheckTimeout: Duration = .seconds(5)
        /// Graceful shutdown waits this long for what is lent.
        public var drainTimeout: Duration = .seconds(10)
        /// Prepared statements per connection; 0 for none, as some poolers want it.
        public var statementCacheSize = 256
        /// Settings of each session, by name: `["role": "market_server"]`.
        public var settings: [String: String] = [:]
        /// As `pg_stat_activity` shows it, where the URL does not say.
        public var applicationName = "market"

        public init(url: String) {
            self.url = url
        }

        /// How much longer than its own limit the server may stay silent before a connection is given up: it must have ended the statement before.
        package var grace: Duration = .seconds(5)

        /// What each session is set to when it begins.
        var sessionSettings: [(name: String, value: String)] {
            var all = [
                ("statement_timeout", statementTimeout.inMilliseconds),
                ("lock_timeout", lockTimeout.inMilliseconds),
                ("idle_in_transaction_session_timeout", idleInTransactionTimeout.inMilliseconds),
                ("client_encoding", "UTF8"),
            ]
            // The role last: it may not be allowed to set the others.
            all += settings.sorted { ($0.key == "role" ? 1 : 0, $0.key) < ($1.key == "role" ? 1 : 0, $1.key) }.map { ($0.key, $0.value) }
            return all.map { (name: $0.0, value: $0.1) }
        }
    }
}

extension Duration {
    /// Whole milliseconds, as PostgreSQL's settings take them; at least one, for 0 would be no limit.
    var inMilliseconds: String {
        let (seconds, attoseconds) = components
        return "\(max(seconds * 1000 + attoseconds / 1_000_000_000_000_000, self > .zero ? 1 : 0))ms"
    }
}
