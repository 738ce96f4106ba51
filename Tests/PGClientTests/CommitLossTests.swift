import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("A connection lost around a commit")
struct CommitLossTests {
    private static let schema = [Migration(number: 1, name: "t", sql: "create table t (n bigint primary key);")]

    private func withProxy(_ body: @Sendable (TCPProxy, PGClient, PGClient) async throws -> Void) async throws {
        try await TestDatabase.with(Self.schema) { database in
            let proxy = try TCPProxy(to: database.cluster.port)
            defer { proxy.close() }
            let name = try await withClient(database.url) { try await $0.run(SQL("select current_database()::text").value(String.self)) }
            let url = "postgresql://\(PrivateCluster.owner)@127.0.0.1:\(proxy.port)/\(name)?sslmode=disable&gssencmode=disable"
            try await withClient(database.url) { direct in
                try await withClient(url, { $0.maxConnections = 1 }) { client in try await body(proxy, client, direct) }
            }
        }
    }

    private func count(_ n: Int, _ client: PGClient) async throws -> Int {
        try await client.run(SQL("select count(*) from t where n = \(n)").value(Int.self))
    }

    @Test("at any byte of COMMIT: what is called not applied is not there, and only then", .timeLimit(.minutes(5)))
    func insideCommit() async throws {
        try await withProxy { proxy, client, direct in
            // How long COMMIT is on the wire, seen once undisturbed.
            let length = try await client.transaction { transaction in
                _ = try await transaction.run(SQL("insert into t values (0)").execute)
                return proxy.sent
            }
            let commitLength = proxy.sent - length
            try #require(commitLength > 10)
            var applied = 0
            for bytes in 0...commitLength {
                let n = bytes + 1
                let error = await caught {
                    try await client.transaction { transaction in
                        _ = try await transaction.run(SQL("insert into t values (\(n))").execute)
                        proxy.cut(after: bytes)
                    }
                }
                #expect(error?.kind == .connection, "byte \(bytes): \(String(describing: error))")
                #expect(error?.outcome == .unknown, "byte \(bytes)")
                proxy.heal()
                // The lost session may still be at it: its lock tells when it is over.
                let rows = try await direct.transaction { transaction in
                    _ = try await transaction.run(SQL("lock table t in share mode").execute)
                    return try await transaction.run(SQL("select count(*) from t where n = \(n)").value(Int.self))
                }
                applied += rows
                if bytes < commitLength - 5 { #expect(rows == 0, "byte \(bytes)") }
            }
            #expect(applied >= 1, "the whole of COMMIT was let through once")
        }
    }

    @Test("before COMMIT: nothing was applied, and the error says so", .timeLimit(.minutes(5)))
    func beforeCommit() async throws {
        try await withProxy { proxy, client, direct in
            for bytes in [0, 1, 20, 60] {
                let error = await caught {
                    try await client.transaction { transaction in
                        _ = try await transaction.run(SQL("insert into t values (\(bytes))").execute)
                        proxy.cut(after: bytes)
                        _ = try await transaction.run(SQL("insert into t values (\(bytes + 1000))").execute)
                    }
                }
                #expect(error?.kind == .connection)
                #expect(error?.outcome == .notApplied)
                proxy.heal()
                let rows = try await count(bytes, direct) + count(bytes + 1000, direct)
                #expect(rows == 0)
            }
        }
    }

    @Test("a commit whose answer is lost is never run again", .timeLimit(.minutes(5)))
    func neverRetried() async throws {
        try await withProxy { proxy, client, direct in
            let runs = Counter()
            let error = await caught {
                try await client.transaction(attempts: 5) { transaction in
                    runs.increment()
                    _ = try await transaction.run(SQL("insert into t values (7)").execute)
                    proxy.cut(after: 1000)
                }
            }
            #expect(error?.outcome == .unknown)
            #expect(runs.value == 1)
            proxy.heal()
            let rows = try await count(7, direct)
            #expect(rows == 1)
        }
    }

    @Test("an autocommitted statement whose answer is lost has an unknown outcome, and the client recovers", .timeLimit(.minutes(5)))
    func autocommit() async throws {
        try await withProxy { proxy, client, direct in
            proxy.cut(after: 1_000_000)
            let connecting = await caught { try await client.run(SQL("insert into t values (1)").execute) }
            #expect(connecting?.kind == .connection)
            #expect(connecting?.outcome == .notApplied, "no connection was made yet")
            proxy.heal()
            try await eventually { await caught { try await client.run(SQL("select 1").execute) } == nil }
            proxy.cut(after: 1_000_000)
            let error = await caught { try await client.run(SQL("insert into t values (2)").execute) }
            #expect(error?.kind == .connection)
            #expect(error?.outcome == .unknown)
            proxy.heal()
            try await eventually { try await count(2, direct) == 1 }
            try await eventually { await caught { try await client.run(SQL("select 1").execute) } == nil }
        }
    }

    @Test("a network that loses every packet is given up in bounded time", .timeLimit(.minutes(5)))
    func stalled() async throws {
        try await TestDatabase.with(Self.schema) { database in
            let proxy = try TCPProxy(to: database.cluster.port)
            defer { proxy.close() }
            let url = "postgresql://\(PrivateCluster.owner)@127.0.0.1:\(proxy.port)/postgres?sslmode=disable&gssencmode=disable"
            try await withClient(
                url,
                {
                    $0.statementTimeout = .milliseconds(100)
                    $0.connectTimeout = .seconds(2)
                }
            ) { client in
                _ = try await client.run(SQL("select 1").execute)
                proxy.stall()
                let started = ContinuousClock.now
                let error = await caught { try await client.run(SQL("select 1").execute) }
                #expect(error?.kind == .connection)
                #expect(.now - started < .seconds(20))
            }
        }
    }
}
