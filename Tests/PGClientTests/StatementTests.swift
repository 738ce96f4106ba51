import Foundation
import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("Statements and values")
struct StatementTests {
    private static let schema = [
        Migration(
            number: 1, name: "tables",
            sql: """
                create table parent (id bigint primary key);
                create table child (
                    id bigint primary key,
                    parent bigint not null constraint child_has_parent references parent deferrable initially deferred
                );
                create table note (id bigint primary key, body text not null);
                """)
    ]

    @Test("the same text with another parameter type is another statement", .timeLimit(.minutes(1)))
    func cacheKeyHasTypes() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url, { $0.maxConnections = 1 }) { client in
                func text<V: PGEncodable>(_ value: V) -> SQL { "select (\(value))::text" }
                for _ in 1...3 { _ = try await client.run(text(Int64(7)).value(String.self)) }
                let seen1 = try await client.run(text(1.5).value(String.self))
                #expect(seen1 == "1.5")
                let seen2 = try await client.run(text("x").value(String.self))
                #expect(seen2 == "x")
            }
        }
    }

    @Test("a changed result type inside transactions heals after one failure at most", .timeLimit(.minutes(1)))
    func stalePlanInTransaction() async throws {
        try await TestDatabase.with { db in
            try await db.asOwner("create table t (id int)")
            try await withClient(db.url, { $0.maxConnections = 1 }) { client in
                let query = SQL("select id from t").values((Int64).self)
                for _ in 1...3 { _ = try await client.transaction { tx in try await tx.run(query) } }
                try await db.asOwner("alter table t alter column id type bigint")
                var failures = 0
                for _ in 1...4 where await caught({ try await client.transaction { tx in try await tx.run(query) } }) != nil {
                    failures += 1
                }
                #expect(failures <= 1)
            }
        }
    }

    @Test("a copy statement run as a query is an error, not a hang", .timeLimit(.minutes(1)))
    func copyAsQuery() async throws {
        try await TestDatabase.with(Self.schema) { db in
            try await withClient(db.url) { client in
                let error = await caught { try await client.run(SQL("copy note to stdout").execute) }
                #expect(error != nil)
            }
        }
    }

    @Test("a pipeline larger than the socket buffers both ways does not deadlock", .timeLimit(.minutes(1)))
    func largePipeline() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url) { client in
                let big = String(repeating: "x", count: 1_000_000)
                let answers = try await client.runAll((0..<40).map { _ in SQL("select \(big)").value(String.self) })
                #expect(answers.allSatisfy { $0.utf8.count == 1_000_000 })
            }
        }
    }

    @Test("infinity is no date", .timeLimit(.minutes(1)))
    func infinity() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url) { client in
                let error = await caught { try await client.run(SQL("select 'infinity'::timestamptz").value(Date.self)) }
                #expect(error?.kind == .decoding)
            }
        }
    }

    @Test("a statement too large for the protocol is refused before it is sent", .timeLimit(.minutes(1)))
    func tooManyParameters() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url) { client in
                var sql: SQL = "select 1"
                for _ in 0..<17 { sql = "\(sql), \(1) + (\(sql))" }
                let error = await caught { try await client.run(sql.execute) }
                #expect(error?.kind == .decoding && error?.outcome == .notApplied, "\(String(describing: error))")
            }
        }
    }
}
