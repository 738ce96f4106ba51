import PGClient
import TestSupport
import Testing

/// Values of a statement share one piece of memory, and so do the small results of a pipeline.
@Suite("Statements and results that share memory")
struct SharedMemoryTests {
    @Test("fragments keep their values in order, nulls and empty texts too", .timeLimit(.minutes(5)))
    func fragments() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let (noText, noNumber) = (String?.none, Int?.none)
                let inner: SQL = "concat_ws(',', \("a"), \(noText as String?), \("")::text, \("b"))"
                let middle: SQL = "\(1)::text || \(inner) || \(noNumber as Int?)::text is null, \(inner)"
                for _ in 1...3 {
                    let rows = try await client.run(
                        SQL("select \(middle), \(Int64.max), \(inner)").values((Bool, String, Int64, String).self))
                    #expect(rows.count == 1)
                    #expect(try #require(rows.first) == (true, "a,,b", .max, "a,,b"))
                }
            }
        }
    }

    @Test("an interpolation that was copied goes on apart from its copy", .timeLimit(.minutes(5)))
    func copiedInterpolation() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                var one = SQL.Interpolation(literalCapacity: 0, interpolationCount: 1)
                one.appendLiteral("select ")
                one.appendInterpolation(1)
                var two = one
                two.appendLiteral(" + ")
                two.appendInterpolation(10)
                let early = SQL(stringInterpolation: one)
                one.appendLiteral(" + ")
                one.appendInterpolation(100)
                #expect(early.text == "select $1")
                let all = [SQL(stringInterpolation: two), early, SQL(stringInterpolation: one)]
                let answers = try await client.runAll(all.map { $0.value(Int.self) })
                #expect(answers == [11, 1, 101])
            }
        }
    }

    @Test("a value without a form on the wire is found in a fragment, too", .timeLimit(.minutes(5)))
    func problemInFragment() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let inner: SQL = "\("\0")"
                let error = await caught { try await client.run(SQL("select \(inner), \(1)").execute) }
                #expect(error?.kind == .decoding && error?.outcome == .notApplied)
            }
        }
    }

    @Test("results of all sizes come out of one pipeline as they went in", .timeLimit(.minutes(5)))
    func sizes() async throws {
        struct Line: PGRowDecodable {
            let number: Int
            let text: String?

            init(row: PGRow) throws(PGError) { (number, text) = try row.decode((Int, String?).self) }
        }
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                // On both sides of what is copied: 64 values, 1 KiB.
                let shapes = [(0, 0), (1, 0), (1, 1), (32, 3), (33, 3), (1, 1_000), (1, 1_100), (30, 40), (2_000, 10), (3, 5)]
                for _ in 1...3 {
                    let queries = (shapes + shapes).map { rows, length in
                        let text: SQL = "case when n % 3 <> 0 then repeat('x', (\(length))::int) end"
                        return SQL("select n, \(text) from generate_series(1, \(rows)) as n").all(Line.self)
                    }
                    let answers = try await client.runAll(queries)
                    for ((rows, length), lines) in zip(shapes + shapes, answers) {
                        #expect(lines.map(\.number) == Array(1..<rows + 1))
                        for line in lines {
                            #expect(line.text == (line.number % 3 != 0 ? String(repeating: "x", count: length) : nil))
                        }
                    }
                }
            }
        }
    }

    @Test("rows that a command touched are counted whether it returns them or not", .timeLimit(.minutes(5)))
    func affected() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                _ = try await client.run(SQL("create table t (n int)").execute)
                for _ in 1...3 {
                    let counts = try await client.runAll([
                        SQL("insert into t select generate_series(1, \(3)) returning n").execute,
                        SQL("insert into t select generate_series(1, \(200))").execute,
                        SQL("update t set n = n + 1 returning n").execute, SQL("select n from t limit 0").execute,
                        SQL("show search_path").execute, SQL("delete from t where n > \(1)").execute,
                    ])
                    #expect(counts == [3, 200, 203, 0, 0, 203])
                }
            }
        }
    }

    @Test("one text in two places of the program, and with other types, is right in one pipeline", .timeLimit(.minutes(5)))
    func sameText() async throws {
        @Sendable func one(_ value: Int) -> SQL { "select (\(value))::text" }
        @Sendable func other(_ value: some PGEncodable) -> SQL { "select (\(value))::text" }
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                for _ in 1...3 {
                    let answers = try await client.runAll(
                        [one(1), other(2), other("x"), other(2.5), one(3), one(4), other(true)].map { $0.value(String.self) })
                    #expect(answers == ["1", "2", "x", "2.5", "3", "4", "true"])
                }
            }
        }
    }
}
