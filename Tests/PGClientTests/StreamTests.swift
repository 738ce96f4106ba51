import Foundation
import PGClient
import TestSupport
import Testing

@Suite("Streams")
struct StreamTests {
    private struct Wide: PGRowDecodable {
        let number: Int
        let filler: String
        init(row: PGRow) throws(PGError) { (number, filler) = try row.decode() }
    }

    private struct Stop: Error {}

    private static let endless: SQL = "select g, repeat('x', 1000) from generate_series(1, 1000000) g"

    private func residentKilobytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.filter(\.isNumber)))
    }

    @Test("a gigabyte passes through a body without staying in memory", .timeLimit(.minutes(5)))
    func bounded() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let before = try residentKilobytes()
                let (rows, most) = try await client.stream(Self.endless, as: Wide.self) { rows in
                    var count = 0
                    var most = 0
                    for try await batch in rows.batches {
                        count += batch.count
                        most = max(most, try residentKilobytes())
                    }
                    return (count, most)
                }
                #expect(rows == 1_000_000)
                // The other tests of the process run beside this one and grow, too: by a third of what would stay, at most.
                #expect(most - before < 600_000, "grew by \(most - before) kB")
            }
        }
    }

    @Test("a body that leaves early, or throws, ends the query and gives the connection back", .timeLimit(.minutes(5)))
    func leavesEarly() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                let first = try await client.stream(Self.endless, as: Wide.self) { rows in
                    for try await row in rows { return row.number }
                    return 0
                }
                #expect(first == 1)
                await #expect(throws: Stop.self) {
                    try await client.stream(Self.endless, as: Wide.self) { rows in
                        for try await _ in rows { throw Stop() }
                    }
                }
                let cursors = try await client.run(SQL("select count(*) from pg_cursors where name <> ''").value(Int.self))
                #expect(cursors == 0)
                #expect(client.metrics.connected == 1)
            }
        }
    }

    @Test("inside a transaction other statements may run between the rows, and the bound values arrive", .timeLimit(.minutes(5)))
    func interleaved() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int)")
            try await withClient(database.url) { client in
                try await client.transaction { transaction in
                    let (least, most) = (3, 7)
                    try await transaction.stream(
                        "select g, 'x' from generate_series(\(least)::int, \(most)::int) g", as: Wide.self, batch: 2
                    ) { rows in
                        for try await row in rows { _ = try await transaction.run(SQL("insert into t values (\(row.number))").execute) }
                    }
                }
                let sum = try await client.run(SQL("select sum(n)::bigint from t").value(Int.self))
                #expect(sum == 3 + 4 + 5 + 6 + 7)
            }
        }
    }

    @Test("an error in the midst of the rows comes out", .timeLimit(.minutes(5)))
    func failsAmid() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let error = await caught {
                    try await client.stream("select g, (1 / (3000 - g))::text from generate_series(1, 5000) g", as: Wide.self) { rows in
                        for try await _ in rows {}
                    }
                }
                #expect(error?.sqlState?.code == "22012")
                #expect(error?.outcome == .notApplied)
            }
        }
    }
}
