import Foundation
import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("Statements and values")
struct StatementTests {
    @Test("the same text with another parameter type is another statement", .timeLimit(.minutes(5)))
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

    @Test("a changed result type inside transactions heals after one failure at most", .timeLimit(.minutes(5)))
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

    @Test("a copy statement run as a query is an error, not a hang", .timeLimit(.minutes(5)))
    func copyAsQuery() async throws {
        try await TestDatabase.with(parentsAndNotes) { db in
            try await withClient(db.url) { client in
                let error = await caught { try await client.run(SQL("copy note to stdout").execute) }
                #expect(error != nil)
            }
        }
    }

    @Test("a pipeline larger than the socket buffers both ways does not deadlock", .timeLimit(.minutes(5)))
    func largePipeline() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url) { client in
                let big = String(repeating: "x", count: 1_000_000)
                let answers = try await client.runAll((0..<40).map { _ in SQL("select \(big)").value(String.self) })
                #expect(answers.allSatisfy { $0.utf8.count == 1_000_000 })
            }
        }
    }

    @Test("infinity is no date", .timeLimit(.minutes(5)))
    func infinity() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url) { client in
                let error = await caught { try await client.run(SQL("select 'infinity'::timestamptz").value(Date.self)) }
                #expect(error?.kind == .decoding)
            }
        }
    }

    @Test("a statement too large for the protocol is refused before it is sent", .timeLimit(.minutes(5)))
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

    @Test(
        "more statements than the cache holds are still right, and the server holds no more of them than allowed", .timeLimit(.minutes(5)))
    func leastRecentlyUsed() async throws {
        @Sendable func sum(_ count: Int) -> SQL {
            var sql: SQL = "select 0::bigint"
            for number in 1...count { sql = "\(sql) + \(number)" }
            return sql
        }
        try await TestDatabase.with { database in
            try await withClient(
                database.url,
                {
                    $0.maxConnections = 1
                    $0.statementCacheSize = 4
                }
            ) { client in
                for count in 1...20 {
                    for _ in 1...3 {
                        let answer = try await client.run(sum(count).value(Int.self))
                        #expect(answer == count * (count + 1) / 2)
                    }
                }
                let held = try await client.run(SQL("select count(*) from pg_prepared_statements").value(Int.self))
                // One may wait to be dropped until the next is prepared.
                #expect(held <= 5)
            }
        }
    }

    @Test("an error never shows a value", .timeLimit(.minutes(5)))
    func errorsHideValues() async throws {
        let secret = "s3cret-value"
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (name text constraint t_name_unique unique, json jsonb)")
            try await withClient(database.url) { client in
                let insert = SQL("insert into t (name) values (\(secret))").execute
                _ = try await client.run(insert)
                let errors = [
                    await caught { try await client.run(insert) },
                    await caught { try await client.run(SQL("select (\(secret))::bigint").value(Int.self)) },
                    await caught { try await client.run(SQL("select (\(secret))::jsonb").value(JSON<Int>.self)) },
                    await caught { try await client.run(SQL("select (\(secret.count.description + "00000000000"))::text::int").execute) },
                    await caught { try await client.run(SQL("select now() at time zone \(secret)").execute) },
                    await caught { try await client.run(SQL("select to_timestamp(\(secret), 'YYYY')").execute) },
                    await caught { try await client.run(SQL("select set_config(\(secret + " "), 'y', false)").execute) },
                    await caught { try await client.run(SQL("select (\(secret))::regclass").execute) },
                    await caught { try await client.run(SQL("select to_jsonb(\(secret))").value(JSON<Int>.self)) },
                    await caught { try await client.run(SQL("select \(secret)").value(Int.self)) },
                    await caught { try await client.run(SQL("select \(secret + "\0")").value(String.self)) },
                ]
                for error in errors {
                    let error = try #require(error)
                    for text in [error.description, error.message] {
                        #expect(!text.contains("s3cr") && !text.contains("00000"), "\(error.debugDescription)")
                    }
                }
                #expect(errors[1]?.description == "server: data exception (SQLSTATE 22P02)")
                #expect(errors[1]?.debugDescription.contains(secret) == true, "who looks closer finds it")
                let ofText = await caught { try await client.run(SQL("select 1 from no_such_table").execute) }
                #expect(ofText?.message.contains("no_such_table") == true, "what the program's own text names is shown")
                #expect(errors[0]?.constraint == "t_name_unique")
            }
        }
    }

    @Test("an error is one line, whatever the server quotes in it", .timeLimit(.minutes(5)))
    func errorsAreOneLine() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let forged = "\nlevel=info\tmessage=\u{1B}[2Jfine\r\u{85}\u{2028}"
                // The message quotes what is no number, the detail the key.
                _ = try await client.run(SQL("create table t (name text constraint t_name_unique unique)").execute)
                let insert = SQL("insert into t (name) values (\(forged))").execute
                _ = try await client.run(insert)
                let errors = [
                    await caught { try await client.run(insert) },
                    await caught { try await client.run(SQL("select (\(forged))::bigint").value(Int.self)) },
                    await caught { try await client.run(SQL("select set_config('role', \(forged), true)").value(String.self)) },
                ]
                #expect(errors.allSatisfy { $0?.message.contains("message=") == true || $0?.detail?.contains("message=") == true })
                for error in errors {
                    let error = try #require(error)
                    for text in [error.description, error.debugDescription, error.message, error.detail ?? ""] {
                        #expect(
                            !text.unicodeScalars.contains { $0.value < 0x20 || [0x7F, 0x85, 0x2028].contains($0.value) },
                            "\(text.debugDescription)")
                    }
                }
            }
        }
    }

    @Test("limits, nulls and mismatches of values", .timeLimit(.minutes(5)))
    func values() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                func back<V: PGEncodable & PGDecodable & Equatable>(_ value: V) async throws {
                    let answer = try await client.run(SQL("select \(value)").value(V.self))
                    #expect(answer == value)
                }
                for number in [Int64.min, -1, 0, 1, .max] { try await back(number) }
                for number in [Int32.min, .max] { try await back(number) }
                for number in [Int16.min, .max] { try await back(number) }
                for number in [0.1, -.greatestFiniteMagnitude, .leastNonzeroMagnitude, .infinity] { try await back(number) }
                for text in ["", "'", "\\", "$1", "🜚 漢字", String(repeating: "z", count: 1 << 20)] { try await back(text) }
                for text in [String?.none, ""] { try await back(text) }
                try await back([Int?.none, 3])
                try await back([String]())
                try await back(Bytea([UInt8](0...255)))
                try await back(Bytea([]))
                try await back(UUID())
                try await back(Date(timeIntervalSinceReferenceDate: 123_456_789.125))
                try await back(TransactionNumber(.max - 1))
                try await back(RowPlace(block: .max - 1, number: 291))
                let wrong: [PGError?] = [
                    await caught { try await client.run(SQL("select 1, 2").value(Int.self)) },
                    await caught { try await client.run(SQL("select 1").values((Int, Int).self)) },
                    await caught { try await client.run(SQL("select 70000").value(Int16.self)) },
                    await caught { try await client.run(SQL("select null::int").value(Int.self)) },
                    await caught { try await client.run(SQL("select 'x'::text").value(Int.self)) },
                    await caught { try await client.run(SQL("select 1").value(String.self)) },
                    await caught { try await client.run(SQL("select 1 where false").value(Int.self)) },
                    await caught { try await client.run(SQL("select 1 from generate_series(1, 2)").firstValue(Int.self)) },
                    await caught { try await client.run(SQL("select array[array[1, 2]]").value([Int].self)) },
                    // The bytes of an empty array, and text that is as long.
                    await caught { try await client.run(SQL("select decode(repeat('00', 12), 'hex')").value([Int].self)) },
                    await caught { try await client.run(SQL("select repeat('x', 12)").value([String?].self)) },
                ]
                for (index, error) in wrong.enumerated() { #expect(error?.kind == .decoding, "\(index)") }
            }
        }
    }
}
