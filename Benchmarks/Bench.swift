import ArgumentParser
import Foundation
import Logging

/// `make bench`: measures the server against stated limits, both sides of each comparison in one run on the same PostgreSQL. What was written and
/// answered is proved right before a figure is shown.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench", abstract: "Measure the server against stated limits.")

    enum Part: String, CaseIterable, ExpressibleByArgument {
        case imports, payments, entitlements, checks, audiences, client, memory, capacity, growth

        /// Growth takes longer than all else together and begins anew, so it runs where it is asked for.
        static let byDefault = allCases.filter { $0 != .growth }
    }

    @Option(help: "The program to measure.") var market = ".build-release/release/market"
    @Option(help: "Events of the history that is imported; everything else is measured on top of it.") var events = 1_000_000
    @Option(help: "Each side runs so often; the median counts.") var runs = 3
    @Option(help: "Seconds of one run under load.") var seconds = 5
    @Option(
        parsing: .upToNextOption, help: "Only these: \(Part.allCases.map(\.rawValue).joined(separator: ", ")). All but growth unless said.")
    var only: [Part] = []

    func run() async throws {
        var logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        let parts = Set(only.isEmpty ? Part.byDefault : only)
        let ground = try Ground.make(market: URL(filePath: market).absoluteURL.path, logger: logger)
        defer { ground.remove() }
        let started = ContinuousClock.now
        var rows: [any Finding] = []
        let server = try ServerProcess(ground)
        defer { server.stop() }

        if parts.contains(.memory) { rows += try Memory(ground: ground, events: events).rows() }
        // The history is under everything; it is measured only where that is asked for.
        let (imports, imported) = try Imports(
            ground: ground, server: server, events: events, runs: parts.contains(.imports) ? runs : 0, seconds: seconds
        ).rows()
        rows += imports
        if parts.contains(.payments) { rows += try payments(ground, server) }
        if parts.contains(.entitlements) || parts.contains(.checks) {
            let subscribers = try Subscribers(of: ground)
            if parts.contains(.entitlements) {
                rows += try Lookups(ground: ground, server: server, subscribers: subscribers, seconds: seconds).rows(runs: runs)
            }
            if parts.contains(.checks) {
                rows += try BulkChecks(ground: ground, server: server, subscribers: subscribers, seconds: seconds).rows(runs: runs)
            }
        }
        if parts.contains(.audiences) { rows += try Audiences(ground: ground, runs: runs).rows(server) }
        if parts.contains(.client) { rows += try await ClientAgainstLibPQ(ground: ground, runs: runs, logger: logger).rows() }
        if parts.contains(.capacity) {
            rows += try Capacity(ground: ground, server: server, imported: imported, seconds: seconds, runs: runs).findings()
        }
        // Growth begins with an empty market; until here nothing was taken away since the last import.
        try ground.prove()
        if parts.contains(.growth) {
            rows += try Growth(ground: ground, server: server, events: events, seconds: seconds, runs: runs).rows()
        }
        if parts.contains(.memory) { rows.append(try Memory.underWork(server)) }
        try conclude(rows, parts, minutes: (ContinuousClock.now - started) / .seconds(60))
    }

    /// - Throws: exit code 1 when a limit is missed.
    private func conclude(_ rows: [any Finding], _ parts: Set<Part>, minutes: Double) throws {
        say(
            "medians of \(runs), in \(two(minutes)) minutes; \(ProcessInfo.processInfo.activeProcessorCount) processors, load average at the end "
                + loadAverage())
        for row in rows { say(row.text) }
        let goals = rows.filter(\.hasGoal)
        let missed = goals.count { !$0.reached }
        say(missed == 0 ? "all \(goals.count) reached" : "\(missed) of \(goals.count) missed")
        let left = Part.allCases.filter { !parts.contains($0) }.map(\.rawValue)
        if !left.isEmpty { say("not run: \(left.joined(separator: ", ")) (ARGS=\"--only \(left.joined(separator: " "))\")") }
        if missed > 0 { throw ExitCode(1) }
    }

    private func payments(_ ground: Ground, _ server: ServerProcess) throws -> [Row] {
        let payments = PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds)
        var ours: [Int: [Figure]] = [:]
        var theirs: [Figure] = []
        try payments.prefillOurs()
        try payments.prefillTheirs()
        for run in 1...runs {
            try inTurn(
                run,
                [
                    { ours[64, default: []].append(try payments.ours(connections: 64)) }, { theirs.append(try payments.theirs()) },
                    { ours[256, default: []].append(try payments.ours(connections: 256)) },
                ])
        }
        try payments.clear()
        return [(64, 2.0), (256, 2.5)].map { connections, rate in
            Row(
                operation: "one payment per request, \(connections) connections", ours: .median(ours[connections] ?? []),
                against: "pgbench -c 64, the same rows", theirs: .median(theirs),
                goals: [.init(measure: .rate, limit: rate), .init(measure: .cpu, limit: 0.75)])
        }
    }

    private func loadAverage() -> String {
        var loads = [0.0, 0.0, 0.0]
        return getloadavg(&loads, 3) == 3 ? two(loads[0]) : "unknown"
    }
}
