import Foundation
import PostgresCluster

/// A market with so many events, and a history that goes on from there.
struct GrownMarket {
    let ground: Ground
    let server: ServerProcess
    let events: Int
    let audiences: Audiences
    /// The import of the last part of the events, right after a checkpoint: the first change of a page then writes all of it to the log, and a large
    /// market has more pages to go through before that is over. It costs each page once from one checkpoint to the next, however many events come
    /// between; so it is shown beside the cost of an event, and goes before it as its warm-up.
    let afterCheckpoint: Figure
    /// What the import of the first part added: no more than a short one may, however long it is.
    let memory: Bound
    private let lookups: Lookups
    private let checks: BulkChecks
    private let payments: PaymentsOverHTTP
    /// Lines of each import and each backfill that is measured.
    private let further: Int
    private let pieces: [String]

    enum Operation: String {
        case entitlements = "GET /v1/entitlements"
        case checks = "checks, per uid"
        case payments = "one payment per request"
        case imports = "import of further lines"
        case backfills = "the same through POST /v1/payment-events"
        case csv = "audience as CSV"
        case ndjson = "audience as NDJSON"
    }

    /// Fills an empty market with the first part of one history, the rest of which comes in pieces: what comes goes on where the market stands, for
    /// subscribers all over it.
    ///
    /// - Parameter last: of the events, those that come right after a checkpoint.
    init(ground: Ground, server: ServerProcess, events: Int, last: Int, seed: Int, further: Int, runs: Int, seconds: Int) throws {
        (self.ground, self.server, self.events, self.further) = (ground, server, events, further)
        try ground.clear()
        // One line in thirty says again what an earlier one said.
        let (first, history) = (
            (events - last) / 30 * 31, try History(events: events + 2 * runs * further, seed: seed).file(of: ground)
        )
        _ = try Shell.run(
            "sh",
            [
                "-c",
                """
                set -e
                head -n \(first) "$0" > "$0.first"
                head -n \(Memory.few) "$0" > "$0.few"
                tail -n +\(first + 1) "$0" | head -n \(last) > "$0.last"
                tail -n +\(first + last + 1) "$0" | split -l \(further) -d -a 3 - "$0."
                rm "$0"
                """, history,
            ])
        pieces = (0..<2 * runs).map { "\(history)." + String($0 + 1_000).dropFirst() }
        let start = ContinuousClock.now
        let most = try ground.memoryOfImporting("\(history).first")
        try ground.settle()
        let watch = try Stopwatch(ground)
        let own = try ground.importing("\(history).last")
        afterCheckpoint = try watch.figure(operations: last, own: own)
        // What the program is by itself: nothing of this is new any more.
        memory = Memory.added(
            "market import of \(first) lines, to one of \(Memory.few)", most, over: try ground.memoryOfImporting("\(history).few"))
        for part in ["first", "few", "last"] { unlink("\(history).\(part)") }
        say("    \(events) events imported in \(two((ContinuousClock.now - start) / .seconds(1))) s")

        let subscribers = try Subscribers(of: ground)
        lookups = Lookups(ground: ground, server: server, subscribers: subscribers, seconds: seconds)
        checks = try BulkChecks(ground: ground, server: server, subscribers: subscribers, seconds: seconds)
        payments = PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds)
        audiences = try Audiences(ground: ground, runs: runs)
        try lookups.prove()
        try checks.prove()
    }

    func measure(_ operation: Operation, run: Int) throws -> Figure {
        let images = try imagesOfPages()
        let figure =
            switch operation {
            case .entitlements: try lookups.entitlements(connections: 64)
            case .checks: try checks.check()
            case .payments: try payments.ours(connections: 64)
            case .imports: try recording(pieces[2 * run - 2]) { try ground.importing($0) }
            case .backfills: try recording(pieces[2 * run - 1], post)
            case .csv: try audiences.read(.csv, of: server)
            case .ndjson: try audiences.read(.ndjson, of: server)
            }
        say("    \(events) events, \(operation.rawValue): \(figure.text); \(try imagesOfPages() - images) pages written whole to the log")
        return figure
    }

    /// Nothing was taken away since the market was empty, so this proves every import, backfill and payment.
    func prove() throws { try ground.prove() }

    private func post(_ piece: String) throws -> Double {
        let before = try ProcessTime.of(server.pid)
        try server.post(piece, of: ground)
        return try ProcessTime.of(server.pid) - before
    }

    /// Without a checkpoint before it, for what `afterCheckpoint` says.
    ///
    /// - Parameter work: returns the processor seconds of the program that did it.
    private func recording(_ piece: String, _ work: (String) throws -> Double) throws -> Figure {
        let before = try ground.storedOfHistories()
        let watch = try Stopwatch(ground)
        let own = try work(piece)
        let figure = try watch.figure(operations: further, own: own)
        unlink(piece)
        let stored = try ground.storedOfHistories() - before
        // The rest was said before.
        guard stored <= further, stored > further * 9 / 10 else { throw BenchError("\(stored) of \(further) lines were recorded") }
        return figure
    }

    private func imagesOfPages() throws -> Int { Int(try ground.psql("select wal_fpi from pg_stat_wal")) ?? -1 }
}
