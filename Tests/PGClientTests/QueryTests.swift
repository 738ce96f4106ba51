import PGClient
import TestSupport
import Testing

@Suite("Queries")
struct QueryTests {
    @Test("a value comes back as it went")
    func roundTrip() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                for _ in 1...3 {
                    let values = try await client.run(
                        SQL(
                            "select \(Int64.max), \(Int16.min), \("潮汐'; drop table x --"), \(true), \(Bytea([0, 255])), \(Int?.none), \([1, 2, 3]), \(["a", nil, ""])"
                        )
                        .values((Int64, Int16, String, Bool, Bytea, Int?, [Int], [String?]).self))
                    let row = try #require(values.first)
                    #expect(row.0 == .max)
                    #expect(row.1 == .min)
                    #expect(row.2 == "潮汐'; drop table x --")
                    #expect(row.3)
                    #expect(row.4.bytes == [0, 255])
                    #expect(row.5 == nil)
                    #expect(row.6 == [1, 2, 3])
                    #expect(row.7 == ["a", nil, ""])
                }
            }
        }
    }

    @Test("a pipeline is one transaction: an error undoes all of it and says where it happened")
    func pipelineIsAtomic() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int primary key)")
            try await withClient(database.url) { client in
                for attempt in 1...3 {
                    let error = await #expect(throws: PGError.self) {
                        _ = try await client.run(
                            SQL("insert into t values (1)").execute, SQL("insert into t values (1)").execute, SQL("select 1").execute)
                    }
                    #expect(error?.queryIndex == 1, "attempt \(attempt)")
                    #expect(error?.sqlState == .uniqueViolation)
                    #expect(error?.constraint == "t_pkey")
                    #expect(error?.outcome == .notApplied)
                }
                #expect(try await client.run(SQL("select count(*) from t").value(Int.self)) == 0)
                let (one, text) = try await client.run(SQL("select 1").value(Int.self), SQL("select 'x'").value(String.self))
                #expect(one == 1 && text == "x")
            }
        }
    }

    @Test("a transaction commits on return and rolls back on throw, with the body's own error")
    func transactions() async throws {
        struct Stop: Error {}
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int primary key)")
            try await withClient(database.url) { client in
                try await client.transaction { _ = try await $0.run(SQL("insert into t values (1)").execute) }
                await #expect(throws: Stop.self) {
                    try await client.transaction {
                        _ = try await $0.run(SQL("insert into t values (2)").execute)
                        throw Stop()
                    }
                }
                #expect(try await client.run(SQL("select n from t").values(Int.self)) == [1])
                let streamed = try await client.stream("select g from generate_series(1, 5000) g", as: Number.self) { rows in
                    var sum = 0
                    for try await row in rows { sum += row.n }
                    return sum
                }
                #expect(streamed == 12_502_500)
            }
        }
    }
}

private struct Number: PGRowDecodable {
    let n: Int
    init(row: PGRow) throws(PGError) { n = try row.decode() }
}
