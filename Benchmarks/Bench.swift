import ArgumentParser
import Foundation
import Logging
import PostgresCluster

/// `make bench`: measures the server against stated limits, both sides of each comparison in one run on the same PostgreSQL. What was written and
/// answered is proved right before a figure is shown.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "bench", abstract: "Measure the server against stated limits.")

    /// In the order in which they run.
    enum Part: String, CaseIterable, ExpressibleByArgument {
        case memory, imports, payments, entitlements, checks, audiences, client, capacity, growth

        /// Growth takes longer than all else together and begins anew, so it runs where it is asked for.
        static let byDefault = allCases.filter { $0 != .growth }
        /// What is measured on top of the history.
        static let onHistory = allCases.filter { ![.memory, .imports, .growth].contains($0) }
    }

    @Option(help: "The program to measure.") var market = ".build-release/release/market"
    @Option(help: "Events of the history that is imported; everything else is measured on top of it.") var events = 1_000_000
    @Option(help: "Each side runs so often; the median counts.") var runs = 3
    @Option(help: "Seconds of one run under load.") var seconds = 5
    @Option(
        parsing: .upToNextOption, help: "Only these: \(Part.allCases.map(\.rawValue).joined(separator: ", ")). All but growth unless said.")
    var only: [Part] = []
    @Flag(
        inversion: .prefixedNo,
        help: """
            Lend PostgreSQL huge pages, as its manual advises for large markets. By default for growth, which makes one, and for nothing else: it comes \
            without them.
            """)
    var hugePages: Bool?

    func validate() throws {
        guard min(events, runs, seconds) >= 1 else { throw ValidationError("--events, --runs and --seconds are at least 1") }
    }

    func run() async throws {
        var logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        let parts = Set(only.isEmpty ? Part.byDefault : only)
        // Before an hour's work, not in the midst of it.
        for tool in ["wrk", "curl"] {
            do { _ = try Shell.run("sh", ["-c", "command -v \(tool)"]) } catch {
                throw BenchError("\(tool) is missing; scripts/setup --bench installs it")
            }
        }
        let ground = try Ground.make(
            market: URL(filePath: market).absoluteURL.path, lendsHugePages: hugePages ?? parts.contains(.growth), logger: logger)
        defer { ground.remove() }
        let server = try ServerProcess(ground)
        defer { server.stop() }
        let report = Report()

        if parts.contains(.memory) { await report.part("memory") { try Memory(ground: ground, events: events).rows() } }
        if let history = await history(under: parts, ground, server, report) {
            for part in Part.onHistory where parts.contains(part) {
                await report.part(part.rawValue) { try await findings(of: part, ground, server, history, logger) }
            }
            // Growth begins with an empty market; until here nothing was taken away since the last import.
            await report.part("proof of every window") {
                try ground.prove()
                return []
            }
        }
        if parts.contains(.growth) {
            await report.part("growth") {
                try Growth(ground: ground, server: server, events: events, seconds: seconds, runs: runs, logger: logger).findings()
            }
        }
        if parts.contains(.memory) { await report.part("memory after all else") { [try Memory.underWork(server)] } }
        let left = Part.allCases.filter { !parts.contains($0) }.map(\.rawValue)
        if !left.isEmpty { say("not run: \(left.joined(separator: ", ")) (ARGS=\"--only \(left.joined(separator: " "))\")") }
        try report.conclude(runs: runs)
    }

    /// What lies under all parts but two; its import is measured only where that is asked for.
    ///
    /// - Returns: what it takes on disk; nil when no part needs it, or it could not be imported.
    private func history(under parts: Set<Part>, _ ground: Ground, _ server: ServerProcess, _ report: Report) async -> Storage? {
        let imports = Imports(ground: ground, server: server, events: events, runs: runs, seconds: seconds)
        var stored: Storage?
        if parts.contains(.imports) { stored = await report.part("imports") { try imports.rows() } }
        guard stored == nil, !parts.isDisjoint(with: Part.onHistory) else { return stored }
        return await report.part("history") { ([], try imports.history()) }
    }

    private func findings(
        of part: Part, _ ground: Ground, _ server: ServerProcess, _ history: Storage, _ logger: Logger
    ) async throws -> [any Finding] {
        func subscribers() throws -> Subscribers { try Subscribers(of: ground) }
        switch part {
        case .payments: return try PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds).rows(runs: runs)
        case .entitlements:
            return try Lookups(ground: ground, server: server, subscribers: subscribers(), seconds: seconds).rows(runs: runs)
        case .checks:
            return try BulkChecks(ground: ground, server: server, subscribers: subscribers(), seconds: seconds).rows(runs: runs)
        case .audiences: return try Audiences(ground: ground, runs: runs).rows(server)
        case .client: return try await ClientAgainstLibPQ(ground: ground, runs: runs, logger: logger).rows()
        case .capacity:
            return try Capacity(ground: ground, server: server, imported: history, seconds: seconds, runs: runs).findings()
        case .memory, .imports, .growth: preconditionFailure("\(part) does not stand on the history")
        }
    }
}
