import Foundation
import PostgresCluster

/// What the same operations cost when the market has grown to ten times its events.
///
/// Begins with an empty market, and fills it twice; so it is no part of what runs by itself.
struct Growth {
    let ground: Ground
    let server: ServerProcess
    /// Of the small market.
    let events: Int
    let seconds: Int
    let runs: Int

    private static let factor = 10
    /// Processor time of an operation, over that in the small market.
    private static let limit = 1.25

    /// Lines of each import and each backfill that is measured, on top of the market's events.
    private var further: Int { max(1, events / 10) }

    func rows() throws -> [Row] {
        let small = try measure(events: events, seed: 1)
        let large = try measure(events: events * Self.factor, seed: 2)
        return zip(small, large).map { small, large in
            Row(
                operation: "\(large.name) at \(events * Self.factor) events", ours: large.figure, against: "at \(events)",
                theirs: small.figure, goals: [.init(measure: .cpu, limit: Self.limit)])
        }
    }

    private func measure(events: Int, seed: Int) throws -> [(name: String, figure: Figure)] {
        try ground.clear()
        // One history, of which the market holds the first part, and the rest comes in pieces: what comes goes on where the market stands, for
        // subscribers all over it.
        let history = try History(events: events + 2 * runs * further, seed: seed).file(of: ground)
        // One line in thirty says again what an earlier one said.
        let pieces = try cut(history, first: events / 30 * 31)
        defer { for piece in pieces { unlink(piece) } }
        _ = try ground.importing(pieces[0])

        let subscribers = try Subscribers(of: ground)
        let lookups = Lookups(ground: ground, server: server, subscribers: subscribers, seconds: seconds)
        let checks = try BulkChecks(ground: ground, server: server, subscribers: subscribers, seconds: seconds)
        let payments = PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds)
        let audiences = Audiences(ground: ground, runs: runs)
        try lookups.prove()
        try checks.prove()
        var (single, bulk, paid, imported, posted): ([Figure], [Figure], [Figure], [Figure], [Figure]) = ([], [], [], [], [])
        for run in 1...runs {
            single.append(try lookups.entitlements(connections: 64))
            bulk.append(try checks.check())
            paid.append(try payments.ours(connections: 64))
            imported.append(try recording(pieces[2 * run - 1]) { try ground.importing($0) })
            posted.append(
                try recording(pieces[2 * run]) {
                    let before = try ProcessTime.of(server.pid)
                    try server.post($0, of: ground)
                    return try ProcessTime.of(server.pid) - before
                })
        }
        // Nothing was taken away since the market was empty, so this proves every one of them.
        try ground.prove()
        let read = try audiences.filled {
            try (1...runs).map { _ in (try audiences.read(.csv, of: server), try audiences.read(.ndjson, of: server)) }
        }
        return [
            ("GET /v1/entitlements", .median(single)), ("checks, per uid", .median(bulk)), ("one payment per request", .median(paid)),
            ("import of \(further) further lines", .median(imported)), ("the same through POST /v1/payment-events", .median(posted)),
            ("audience of \(Audiences.members) as CSV", .median(read.map(\.0))),
            ("audience of \(Audiences.members) as NDJSON", .median(read.map(\.1))),
        ]
    }

    /// - Returns: the files of the pieces; the first has the first lines, the others have `further` each.
    private func cut(_ history: String, first: Int) throws -> [String] {
        let pieces = (0...2 * runs).map { "\(history).\($0)" }
        _ = try Shell.run("sh", ["-c", "head -n \(first) \"$0\" > \"$1\"", history, pieces[0]])
        for (index, piece) in pieces.enumerated().dropFirst() {
            let from = first + (index - 1) * further + 1
            _ = try Shell.run(
                "sh", ["-c", "sed -n '\(from),\(from + further - 1)p;\(from + further - 1)q' \"$0\" > \"$1\"", history, piece])
        }
        unlink(history)
        return pieces
    }

    /// - Parameter work: returns the processor seconds of the program that did it.
    private func recording(_ piece: String, _ work: (String) throws -> Double) throws -> Figure {
        let before = try ground.storedOfHistories()
        try ground.settle()
        let watch = try Stopwatch(ground)
        let own = try work(piece)
        let figure = try watch.figure(operations: further, own: own)
        let stored = try ground.storedOfHistories() - before
        // The rest was said before.
        guard stored <= further, stored > further * 9 / 10 else { throw BenchError("\(stored) of \(further) lines were recorded") }
        return figure
    }
}
