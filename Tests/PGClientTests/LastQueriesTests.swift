import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("The last queries of a transaction, with COMMIT behind them")
struct LastQueriesTests {
    private static let schema = [
        Migration(
            number: 1, name: "t",
            sql: """
                create table t (n bigint primary key);
                create table child (n bigint constraint child_has_parent references t deferrable initially deferred);
                """)
    ]

    private func with(_ body: @Sendable (PGClient) async throws -> Void) async throws {
        try await TestDatabase.with(Self.schema) { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in try await body(client) }
        }
    }

    private func stored(_ client: PGClient) async throws -> [Int] {
        try await client.run(SQL("select n from t order by n").values((Int).self))
    }

    private func insert(_ n: Int) -> Query<Int> { SQL("insert into t values (\(n))").execute }

    @Test("they are answered, committed, and the connection serves the next", .timeLimit(.minutes(5)))
    func committed() async throws {
        try await with { client in
            let answers = try await client.transaction { transaction in
                _ = try await transaction.run(insert(1))
                return try await transaction.commit(after: [insert(2), SQL("insert into t values (3), (4)").execute])
            }
            #expect(answers == [1, 2])
            // Also where nothing was asked before, and BEGIN rides along.
            _ = try await client.transaction { transaction in try await transaction.commit(after: [insert(5)]) }
            _ = try await client.transaction { transaction in
                _ = try await transaction.run(insert(6))
                return try await transaction.commit(after: [Query<Int>]())
            }
            let rows = try await stored(client)
            #expect(rows == [1, 2, 3, 4, 5, 6])
        }
    }

    @Test("one that fails keeps all from being committed, and the same connection goes on", .timeLimit(.minutes(5)))
    func failing() async throws {
        try await with { client in
            let backend = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
            for deferred in [false, true] {
                let last = deferred ? SQL("insert into child values (404)").execute : insert(1)
                let error = await caught {
                    _ = try await client.transaction { transaction in
                        _ = try await transaction.run(insert(1))
                        return try await transaction.commit(after: [insert(2), last])
                    }
                }
                #expect(error?.sqlState == (deferred ? .foreignKeyViolation : .uniqueViolation))
                #expect(error?.outcome == .notApplied)
            }
            let rows = try await stored(client)
            #expect(rows == [])
            let now = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
            #expect(now == backend)
        }
    }

    @Test("a body that overlooks their failure is told of it all the same", .timeLimit(.minutes(5)))
    func overlooked() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction { transaction in
                    let ignored = await caught { try await transaction.commit(after: [insert(1), insert(1)]) }
                    #expect(ignored?.sqlState == .uniqueViolation)
                }
            }
            #expect(error?.sqlState == .uniqueViolation)
            let rows = try await stored(client)
            #expect(rows == [])
        }
    }

    @Test("behind a statement that failed before, COMMIT rolls back and is not believed", .timeLimit(.minutes(5)))
    func failedBefore() async throws {
        try await with { client in
            let error = await caught {
                _ = try await client.transaction { transaction in
                    _ = await caught { try await transaction.run(insert(1), insert(1)) }
                    return try await transaction.commit(after: [Query<Int>]())
                }
            }
            #expect(error?.kind == .commitRefused)
            #expect(error?.outcome == .notApplied)
            let rows = try await stored(client)
            #expect(rows == [])
        }
    }

    @Test("nothing can be asked behind them, and what the body throws then undoes nothing", .timeLimit(.minutes(5)))
    func behind() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction { transaction in
                    _ = try await transaction.commit(after: [insert(1)])
                    _ = try await transaction.run(insert(2))
                }
            }
            #expect(error?.kind == .notRunning)
            let rows = try await stored(client)
            #expect(rows == [1])
        }
    }

    @Test("where their answer is lost, nobody knows, and they are not run again", .timeLimit(.minutes(5)))
    func lost() async throws {
        try await TestDatabase.with(Self.schema) { database in
            let proxy = try TCPProxy(to: database.cluster.port)
            defer { proxy.close() }
            let name = try await withClient(database.url) { try await $0.run(SQL("select current_database()::text").value(String.self)) }
            let url = "postgresql://\(PrivateCluster.owner)@127.0.0.1:\(proxy.port)/\(name)?sslmode=disable&gssencmode=disable"
            try await withClient(url, { $0.maxConnections = 1 }) { client in
                let runs = Counter()
                let error = await caught {
                    _ = try await client.transaction(attempts: 5) { transaction in
                        runs.increment()
                        _ = try await transaction.run(insert(1))
                        proxy.cut(after: 10_000)
                        return try await transaction.commit(after: [insert(2)])
                    }
                }
                #expect(error?.kind == .connection)
                #expect(error?.outcome == .unknown)
                #expect(runs.value == 1)
            }
            let rows = try await withClient(database.url) { try await stored($0) }
            #expect(rows == [1, 2])
        }
    }
}
