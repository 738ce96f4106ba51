import PGClient
import TestSupport
import Testing

@Suite("Prepared statements")
struct PreparedStatementTests {
    private static let few: [SQL] = [
        "select 1", "select 2", "select 3", "select 4", "select 5", "select 6", "select 7", "select 8", "select 9",
    ]

    private func with(
        cacheSize: Int, _ migrations: [Migration] = [], _ body: @Sendable (PGClient, TestDatabase) async throws -> Void
    ) async throws {
        try await TestDatabase.with(migrations) { database in
            try await withClient(
                database.url,
                {
                    $0.maxConnections = 1
                    $0.statementCacheSize = cacheSize
                }
            ) { client in try await body(client, database) }
        }
    }

    @Test("what had to make room for others within a pipeline does not stay at the server", .timeLimit(.minutes(5)))
    func leak() async throws {
        try await with(cacheSize: 3) { client, _ in
            for round in 0..<200 {
                // Some three often, some seldom, in an order that changes.
                let order = (0..<6).map { ($0 * 5 + round) % 3 } + (0..<6).map { ($0 * 7 + round * round) % 9 }
                _ = try await client.runAll(order.map { Self.few[$0].execute })
            }
            let held = try await client.run(SQL("select count(*) from pg_prepared_statements").value(Int.self))
            // Those of the last pipeline may still wait to be dropped.
            #expect(held <= 3 + 12)
        }
    }

    @Test("a transaction goes on behind a savepoint that failed while statements are to be dropped", .timeLimit(.minutes(5)))
    func dropsInFailedTransaction() async throws {
        try await with(cacheSize: 5) { client, _ in
            // The cache is full of what is prepared: whatever comes next makes something to be dropped.
            for _ in 0..<2 { for statement in Self.few.prefix(5) { _ = try await client.run(statement.execute) } }
            for round in 0..<5 {
                let error = await caught {
                    try await client.transaction { transaction in
                        let inner = await caught { try await transaction.savepoint { try await $0.run(SQL("select 1/0").execute) } }
                        #expect(inner?.sqlState?.code == "22012")
                        _ = try await transaction.run(Self.few[5].execute)
                    }
                }
                #expect(error == nil, "round \(round)")
            }
            #expect(client.metrics.connected == 1)
        }
    }

    @Test("a transaction whose prepared statement no longer fits the schema is run again", .timeLimit(.minutes(5)))
    func stalePlan() async throws {
        try await with(cacheSize: 10, [Migration(number: 1, name: "t", sql: "create table t (id int)")]) { client, database in
            let query = SQL("select id from t").values((Int64).self)
            // Not the first of its transaction, which begins again by itself.
            let body: @Sendable (PGTransaction) async throws -> Void = { transaction in
                _ = try await transaction.run(SQL("select 1").execute)
                _ = try await transaction.run(query)
            }
            for _ in 1...3 { try await client.transaction { try await body($0) } }
            try await database.asOwner("alter table t alter column id type bigint")
            let error = await caught { try await client.transaction(attempts: 2) { try await body($0) } }
            #expect(error == nil)
        }
    }

    @Test("a session that was reset is used again", .timeLimit(.minutes(5)))
    func reset() async throws {
        try await with(cacheSize: 10) { client, _ in
            for _ in 1...3 { _ = try await client.runAll(Self.few.map(\.execute)) }
            _ = try await client.run(SQL("deallocate all").execute)
            for _ in 1...3 { _ = try await client.runAll(Self.few.map(\.execute)) }
            let held = try await client.run(SQL("select count(*) from pg_prepared_statements").value(Int.self))
            #expect(held == Self.few.count)
        }
    }
}
