import PGClient
import TestSupport
import Testing

@Suite("A COPY that is given up")
struct CopyLossTests {
    private struct Stop: Error {}

    private static let schema = [Migration(number: 1, name: "t", sql: "create table t (n bigint)")]
    private static let pid = SQL("select pg_backend_pid()").value(Int32.self)

    @Test("a task cancelled between two rows copies nothing, is told so and keeps the connection", .timeLimit(.minutes(5)))
    func cancelled() async throws {
        try await TestDatabase.with(Self.schema) { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                let before = try await client.run(Self.pid)
                let error = await withTaskGroup(of: PGError?.self) { group in
                    group.addTask {
                        await caught {
                            try await client.copy(into: "t", columns: ["n"]) { writer in
                                for n in 0..<100_000 {
                                    if n == 50 { withUnsafeCurrentTask { $0?.cancel() } }
                                    try await writer.write(Int64(n))
                                }
                            }
                        }
                    }
                    return await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled && error?.outcome == .notApplied)
                let (after, rows) = try await client.run(Self.pid, SQL("select count(*) from t").value(Int.self))
                #expect(after == before && rows == 0)
            }
        }
    }

    @Test("what the body throws comes out though the connection was lost meanwhile", .timeLimit(.minutes(5)))
    func lost() async throws {
        try await TestDatabase.with(Self.schema) { database in
            try await withClient(database.url) { client in
                _ = await #expect(throws: Stop.self) {
                    try await client.transaction { transaction in
                        let pid = try await transaction.run(Self.pid)
                        _ = try await transaction.copy(into: "t", columns: ["n"]) { writer in
                            try await writer.write(Int64(1))
                            _ = try await client.run(SQL("select pg_terminate_backend(\(pid), 5000)").value(Bool.self))
                            throw Stop()
                        }
                    }
                }
            }
        }
    }

    @Test("a query whose rows nobody wants any more is stopped at the server", .timeLimit(.minutes(5)))
    func abandoned() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.statementTimeout = .zero }) { client in
                let query: SQL = "select repeat('x', 1000) from generate_series(1, 200) union all select pg_sleep(600)::text"
                _ = await #expect(throws: Stop.self) {
                    try await client.copyOut(query, format: .text) { chunks in for try await _ in chunks { throw Stop() } }
                }
                _ = try await client.copyOut(query, format: .text) { chunks in
                    for try await chunk in chunks { return chunk.count }
                    return 0
                }
                try await eventually {
                    try await client.run(
                        SQL(
                            """
                            select count(*) from pg_stat_activity
                            where datname = current_database() and state = 'active' and query like 'copy%pg_sleep(600)%'
                            """
                        ).value(Int.self)) == 0
                }
            }
        }
    }
}
