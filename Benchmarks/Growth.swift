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
    /// Events of the import that is measured.
    private static let furtherEvents = 100_000
    /// Where the markets' histories end, in ms since 1970; what is imported further on follows behind, two years each time, and is over by today.
    private static let end: Int64 = 1_600_000_000_000

    func rows() throws -> [Row] {
        try ground.clear()
        try fill(events: events, seed: 1)
        let small = try measure(1)
        try fill(events: events * (Self.factor - 1), seed: 2)
        let large = try measure(2)
        return zip(small, large).map { small, large in
            Row(
                operation: "\(large.name) at \(events * Self.factor) events", ours: large.figure, against: "at \(events)",
                theirs: small.figure, goals: [.init(measure: .cpu, limit: Self.limit)])
        }
    }

    private func fill(events: Int, seed: Int) throws {
        _ = try importing(History(events: events, seed: seed, end: Self.end))
        // What an import leaves to be done for a while is not a part of what is measured next.
        _ = try ground.psql("vacuum analyze")
        _ = try ground.psql("checkpoint")
    }

    private func measure(_ size: Int) throws -> [(name: String, figure: Figure)] {
        let subscribers = try Subscribers(of: ground)
        let lookups = Lookups(ground: ground, server: server, seconds: seconds, runs: 1)
        let checks = BulkChecks(ground: ground, server: server, seconds: seconds, runs: 1)
        let payments = PaymentsOverHTTP(ground: ground, server: server, seconds: seconds)
        var (single, bulk, paid): ([Figure], [Figure], [Figure]) = ([], [], [])
        for run in 1...runs {
            single.append(try lookups.entitlements(subscribers))
            bulk.append(try checks.check(subscribers))
            // Numbers that no other part uses, and times that are not to come.
            paid.append(try payments.ours(connections: 64, run: 5_000 + size * 100 + run))
        }
        let further = try importing(
            History(events: Self.furtherEvents, seed: 10 + size, end: Self.end + Int64(size) * History.length))
        return [
            ("GET /v1/entitlements", .median(single)), ("checks, per uid", .median(bulk)),
            ("one payment per request", .median(paid)), ("import of \(Self.furtherEvents) further events", further),
        ]
    }

    private func importing(_ history: History) throws -> Figure {
        let file = try history.file(of: ground)
        defer { unlink(file) }
        let stored = try ground.storedOfHistories()
        let postgres = try ground.postgresTime()
        let start = ContinuousClock.now
        let client = try ground.importing(file)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = try ground.postgresTime() - postgres
        let count = try ground.storedOfHistories() - stored
        guard count == history.events else { throw BenchError("\(count) of \(history.events) events were stored") }
        return Figure(
            rate: Double(count) / seconds, cpu: (client + used) / Double(count) * 1e6, postgres: used / Double(count) * 1e6)
    }
}
