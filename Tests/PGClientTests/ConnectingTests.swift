import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("Connecting to what does not answer")
struct ConnectingTests {
    private func with(_ body: @Sendable (TCPProxy, Int) async throws -> Void) async throws {
        let cluster = try TestCluster.shared.get()
        let proxy = try TCPProxy(to: cluster.port)
        defer { proxy.close() }
        try await body(proxy, cluster.port)
    }

    private func url(_ ports: Int..., options: String = "") -> String {
        let hosts = ports.map { "127.0.0.1:\($0)" }.joined(separator: ",")
        return "postgresql://\(PrivateCluster.owner)@\(hosts)/postgres?sslmode=disable&gssencmode=disable\(options)"
    }

    @Test("a write for which no connection was made in time was certainly not applied", .timeLimit(.minutes(5)))
    func outcome() async throws {
        try await with { proxy, _ in
            proxy.stall()
            try await withClient(url(proxy.port), { $0.connectTimeout = .milliseconds(300) }) { client in
                let error = await caught { try await client.run(SQL("insert into t values (1)").execute) }
                #expect(error?.kind == .connection && error?.outcome == .notApplied)
            }
        }
    }

    @Test("of several hosts one that hangs is left, after the time that the URL gives each", .timeLimit(.minutes(5)))
    func hungHost() async throws {
        try await with { proxy, port in
            proxy.stall()
            for ports in [(proxy.port, port), (1, proxy.port)] {
                let several = url(ports.0, ports.1, port, options: "&connect_timeout=1")
                try await withClient(several, { $0.connectTimeout = .seconds(600) }) { client in
                    let error = await caught { try await client.run(SQL("select 1").execute) }
                    #expect(error == nil)
                }
            }
        }
    }

    @Test("a server that falls silent before the session is set up is given up", .timeLimit(.minutes(5)))
    func silentSettings() async throws {
        try await with { proxy, _ in
            // What connecting alone sends; the end of a session is 5 bytes.
            try await AdministrativeConnection(url(proxy.port), logger: quiet).close()
            try await eventually { proxy.openConnections == 0 }
            proxy.stall(after: proxy.sent - 5)
            try await withClient(url(proxy.port), { $0.connectTimeout = .seconds(1) }) { client in
                let error = await caught { try await client.run(SQL("select 1").execute) }
                #expect(error?.kind == .connection && error?.outcome == .notApplied)
            }
        }
    }

    @Test("one who would listen can be cancelled while he connects", .timeLimit(.minutes(5)))
    func cancelledListener() async throws {
        try await with { proxy, _ in
            proxy.stall()
            try await withClient(url(proxy.port), { $0.connectTimeout = .seconds(600) }) { client in
                let error = try await withThrowingTaskGroup(of: PGError?.self) { group in
                    group.addTask { await caught { try await client.listen(to: "x") { _ in } } }
                    try await eventually { proxy.openConnections > 0 }
                    group.cancelAll()
                    return try await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled && error?.outcome == .notApplied)
            }
        }
    }

    @Test("a migration can be cancelled, and ends at the server too", .timeLimit(.minutes(5)))
    func cancelledMigration() async throws {
        try await TestDatabase.with { database in
            let migrator = try Migrator([Migration(number: 1, name: "slow", sql: "create table slow (n int); select pg_sleep(600);")])
            try await withClient(database.url) { watcher in
                let running = SQL(
                    """
                    select count(*) from pg_stat_activity
                    where datname = current_database() and state = 'active' and query like '%pg_sleep(600)%' and pid <> pg_backend_pid()
                    """
                ).value(Int.self)
                let error = try await withThrowingTaskGroup(of: PGError?.self) { group in
                    group.addTask { await caught { try await migrator.migrate(.init(url: database.url), logger: quiet) } }
                    try await eventually { try await watcher.run(running) == 1 }
                    group.cancelAll()
                    return try await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled && error?.outcome == .notApplied)
                try await eventually { try await watcher.run(running) == 0 }
                let applied = try await migrator.status(of: watcher).applied
                #expect(applied == 0)
            }
        }
    }
}
