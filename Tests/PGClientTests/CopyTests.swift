import Foundation
import PGClient
import TestSupport
import Testing

@Suite("COPY and LISTEN")
struct CopyTests {
    @Test("100,000 rows go in by COPY and come out again, nulls and all")
    func roundTrip() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n bigint primary key, name text, flag boolean)")
            try await withClient(database.url) { client in
                let count = try await client.copy(into: "t", columns: ["n", "name", "flag"]) { writer in
                    for n in 0..<100_000 { try await writer.write(Int64(n), n.isMultiple(of: 3) ? nil : "name, \"\(n)\"", true) }
                }
                #expect(count == 100_000)
                let text = "name, \"7\""
                let out = try await client.copyOut(
                    "select n, name from t where n < \(8) and (name = \(text) or n <> \(7)) order by n", format: .csv
                ) { chunks in
                    var bytes: [UInt8] = []
                    for try await chunk in chunks { bytes += chunk }
                    return String(decoding: bytes, as: UTF8.self)
                }
                #expect(out.split(separator: "\n").count == 8)
                #expect(out.hasSuffix("7,\"name, \"\"7\"\"\"\n"))
                let total = try await client.copyOut("select n from t", format: .text) { chunks in
                    var lines = 0
                    for try await chunk in chunks { lines += chunk.count(where: { $0 == 0x0A }) }
                    return lines
                }
                #expect(total == 100_000)
            }
        }
    }

    @Test("a value of another type than its column's is refused, though its bytes would fit")
    func types() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (at timestamptz, n integer)")
            try await withClient(database.url) { client in
                let epoch = Date(timeIntervalSince1970: 0)
                let bytesOfDate = await #expect(throws: PGError.self) {
                    _ = try await client.copy(into: "t", columns: ["at", "n"]) { try await $0.write(Int64(1), Int32(1)) }
                }
                let tooWide = await #expect(throws: PGError.self) {
                    _ = try await client.copy(into: "t", columns: ["at", "n"]) { try await $0.write(epoch, Int64(1)) }
                }
                #expect([bytesOfDate?.kind, tooWide?.kind] == [.decoding, .decoding])
                let count = try await client.copy(into: "t", columns: ["at"]) { try await $0.write(epoch) }
                #expect(count == 1)
                #expect(try await client.run(SQL("select count(*) from t").value(Int.self)) == 1)
            }
        }
    }

    @Test("a COPY whose body throws copies nothing, and one that the server refuses says why; the pool goes on")
    func refused() async throws {
        struct Stop: Error {}
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n bigint primary key)")
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                await #expect(throws: Stop.self) {
                    _ = try await client.copy(into: "t", columns: ["n"]) { writer in
                        for n in 0..<50_000 { try await writer.write(Int64(n)) }
                        throw Stop()
                    }
                }
                let error = await #expect(throws: PGError.self) {
                    _ = try await client.copy(into: "t", columns: ["n"]) { writer in
                        try await writer.write(Int64(1))
                        try await writer.write(Int64(1))
                    }
                }
                #expect(error?.sqlState == .uniqueViolation)
                #expect(try await client.run(SQL("select count(*) from t").value(Int.self)) == 0)
                // Left in the middle: the connection is given up, the next one works.
                let first = try await client.copyOut("select g from generate_series(1, 1000000) g", format: .text) { chunks in
                    var iterator = chunks.makeAsyncIterator()
                    return try await iterator.next()?.count ?? 0
                }
                #expect(first > 0)
                #expect(try await client.run(SQL("select 1").value(Int.self)) == 1)
            }
        }
    }

    @Test("a listener hears what was said, also after its connection was killed and made again", .timeLimit(.minutes(5)))
    func listening() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                try await client.listen(to: "market_test") { notifications in
                    var iterator = notifications.makeAsyncIterator()
                    _ = try await client.run(SQL("select pg_notify('market_test', 'one')").execute)
                    guard case .notification(let one) = try await iterator.next() else {
                        Issue.record("no notification")
                        return
                    }
                    #expect(one.payload == "one" && one.channel == "market_test")
                    let killed = try await client.run(
                        SQL(
                            """
                            select count(pg_terminate_backend(pid)) from pg_stat_activity
                            where datname = current_database() and query like 'listen%'
                            """
                        ).value(Int.self))
                    #expect(killed == 1)
                    #expect(try await iterator.next() == .reconnected)
                    _ = try await client.run(SQL("select pg_notify('market_test', 'two')").execute)
                    guard case .notification(let two) = try await iterator.next() else {
                        Issue.record("no notification after the reconnect")
                        return
                    }
                    #expect(two.payload == "two")
                }
            }
        }
    }

    @Test("of several who listen together each notification reaches one, and none is lost", .timeLimit(.minutes(5)))
    func listeningTogether() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let heard = try await client.listen(to: "market_test") { notifications in
                    try await withThrowingTaskGroup(of: [String].self) { group in
                        let count = Counter()
                        for _ in 0..<3 {
                            group.addTask {
                                var heard: [String] = []
                                var iterator = notifications.makeAsyncIterator()
                                while true {
                                    do {
                                        guard case .notification(let one) = try await iterator.next() else { break }
                                        heard.append(one.payload)
                                        count.increment()
                                        // Long enough for more to come while another waits.
                                        _ = try await client.run(SQL("select 1").execute)
                                    } catch {
                                        return heard
                                    }
                                }
                                return heard
                            }
                        }
                        for round in 0..<20 {
                            let payloads = (0..<10).map { "\(round * 10 + $0)" }
                            _ = try await client.runAll(payloads.map { SQL("select pg_notify('market_test', \($0))").execute })
                        }
                        try await eventually { count.value == 200 }
                        group.cancelAll()
                        return try await group.reduce(into: []) { $0 += $1 }
                    }
                }
                #expect(heard.compactMap { Int($0) }.sorted() == Array(0..<200))
            }
        }
    }
}
