import PGClient
import ProductCatalog

extension Audience {
    /// How long one audience may take to be read: a million members to somebody who takes 100 KB a second. Its connection is lent for that time.
    private static let longestRead = "10min"
    /// Windows in one go where each is decoded; memory is that of one batch.
    private static let batch = 5_000

    /// Hands the members over by uid (in byte order), in batches, from one snapshot of the database; memory is that of one batch.
    ///
    /// - Returns: the instant that was asked about.
    @discardableResult
    public func read(from database: PGClient, _ body: (AudienceBatch) async throws -> Void) async throws -> Instant {
        try await database.transaction(.repeatableRead, readOnly: true) { transaction in
            let instant = try await begin(transaction)
            guard knownAt == nil else {
                try await readFolding(windows(at: instant), at: instant, in: transaction, body)
                return instant
            }
            if let next = try await copy(at: instant, in: transaction, body) {
                try await readFolding(windows(at: instant, from: next), at: instant, in: transaction, body)
            }
            return instant
        }
    }

    /// The number of members.
    public func count(in database: PGClient) async throws -> (at: Instant, count: Int) {
        try await database.transaction(.repeatableRead, readOnly: true) { transaction in
            let instant = try await begin(transaction)
            let (current, stale) = try await transaction.run(counts(at: instant))
            var count = current
            if stale > 0 {
                try await readFolding(windows(at: instant, staleOnly: true), at: instant, in: transaction) { count += $0.count }
            }
            return (instant, count)
        }
    }

    private func begin(_ transaction: PGTransaction) async throws -> Instant {
        let (now, _) = try await transaction.run(SQL("select now_ms()").value(Instant.self), Self.patience)
        return at ?? now
    }

    /// The reader decides how long the statement takes, and how long the transaction waits between two.
    static let patience: Query<[(String, String)]> = SQL(
        """
        select set_config('statement_timeout', \(longestRead), true), set_config('idle_in_transaction_session_timeout', \(longestRead), true)
        """
    ).values((String, String).self)

    /// Copies the members out as they are stored, up to the first window whose stored state is not the answer.
    ///
    /// - Returns: the uid of that window; nil where there was none, and all members have been handed over.
    private func copy(
        at instant: Instant, in transaction: PGTransaction, _ body: (AudienceBatch) async throws -> Void
    ) async throws -> String? {
        var stale: String?
        try await transaction.copyOut(stored(at: instant), format: .text) { chunks in
            for try await chunk in chunks {
                // The rest of a copy has to be read, though nobody wants it any more.
                guard stale == nil else { continue }
                let (batch, next) = AudienceBatch.cut(chunk)
                stale = next
                if batch.count > 0 { try await body(batch) }
            }
        }
        return stale
    }

    /// Hands over those windows that are members, folding each whose stored state is not the answer.
    private func readFolding(
        _ windows: SQL, at instant: Instant, in transaction: PGTransaction, _ body: (AudienceBatch) async throws -> Void
    ) async throws {
        try await transaction.stream(windows, as: StoredWindow.self, batch: Self.batch) { rows in
            for try await windows in rows.batches {
                let keys = windows.filter { !isCurrent($0.state, at: instant) }.map { $0.key }
                let events = keys.isEmpty ? [:] : try await transaction.run(WindowEvent.history(of: keys, until: instant, knownAt: knownAt))
                let members = windows.compactMap { window -> Member? in
                    let current = isCurrent(window.state, at: instant)
                    let state = current ? window.state : WindowState(folding: events[window.key] ?? [])
                    return holds(state, at: instant) ? Member(uid: window.key.uid, payEndTime: state.payEndTime) : nil
                }
                if !members.isEmpty { try await body(AudienceBatch(members)) }
            }
        }
    }

    /// Uid, end of the paid time, and whether the window has to be folded.
    func stored(at instant: Instant) -> SQL {
        """
        select w.uid, w.pay_end_time, w.last_event_time > \(instant)
        from paid_window w
        where \(condition(at: instant))
        order by w.uid
        """
    }

    /// The windows that may hold a member: those whose stored state says so, and those that have to be folded to know.
    private func condition(at instant: Instant) -> SQL {
        """
        w.resource_id = \(resourceID)
              and w.payments > 0
              and (\(knownAt != nil) or w.last_event_time > \(instant)
                   or (\(mode != .paid) or w.pay_end_time > \(instant)) and (\(mode != .unpaid) or w.pay_end_time <= \(instant)))
        """
    }

    /// - Parameters:
    ///   - uid: the first of them.
    ///   - staleOnly: only those that have to be folded.
    func windows(at instant: Instant, from uid: String = "", staleOnly: Bool = false) -> SQL {
        """
        select \(StoredWindow.columns)
        from paid_window w
        where \(condition(at: instant))
              and w.uid >= \(uid)
              and (\(!staleOnly || knownAt != nil) or w.last_event_time > \(instant))
        order by w.uid
        """
    }

    /// How many stored states are the answer and say that there is a member, and how many have to be folded.
    func counts(at instant: Instant) -> Query<(Int, Int)> {
        let rows: Query<[(Int, Int)]> = SQL(
            """
            select count(*) filter (where not \(knownAt != nil) and w.last_event_time <= \(instant)),
                   count(*) filter (where \(knownAt != nil) or w.last_event_time > \(instant))
            from paid_window w
            where \(condition(at: instant))
            """
        ).values((Int, Int).self)
        return rows.map { $0.first ?? (0, 0) }
    }
}
