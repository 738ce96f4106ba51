import Billing
import Foundation
import Logging
import MarketSchema
import PGClient
import PostgresCluster
import ProductCatalog
import ServiceLifecycle

/// `make bench`: measures the import of a history against `pgbench` writing the same rows one payment per transaction, both on the same PostgreSQL with
/// fsync and synchronous_commit on. What was written is proved right before a figure is shown.
@main
struct Bench {
    static func main() async throws {
        let events = Int(ProcessInfo.processInfo.environment["BENCH_EVENTS"] ?? "") ?? 100_000
        var logger = Logger(label: "bench", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .warning
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-bench-\(ProcessInfo.processInfo.processIdentifier)")
        let cluster = try PrivateCluster.start(
            folder: folder, settings: ["shared_buffers": "1GB", "max_wal_size": "8GB", "max_connections": "200"], logger: logger)
        defer {
            cluster.stop()
            do {
                try FileManager.default.removeItem(at: folder)
            } catch {
                say("cannot remove \(folder.path): \(error)")
            }
        }
        _ = try await Migrator(Schema.migrations).migrate(.init(url: cluster.socketURL()), logger: logger)
        var runs: [(imported: Double, again: Double, singly: Double)] = []
        for run in 1...3 {
            let imported = try await Importing(cluster: cluster, run: run, events: events, logger: logger).measure()
            let singly = try Pgbench(cluster: cluster, seconds: 10).measure()
            runs.append((imported.first, imported.again, singly))
            say("run \(run): import \(Int(imported.first))/s, again (all duplicates) \(Int(imported.again))/s, pgbench \(Int(singly))/s")
        }
        let median = { (values: [Double]) in values.sorted()[values.count / 2] }
        say("medians of 3, \(events) events a run, load average at the end \(loadAverage()):")
        say("  import against pgbench -M prepared -c 64: \(ratio(median(runs.map(\.imported)), median(runs.map(\.singly))))")
        say("  duplicates against the same:              \(ratio(median(runs.map(\.again)), median(runs.map(\.singly))))")
    }

    /// At once, also into a pipe.
    private static func say(_ text: String) {
        FileHandle.standardOutput.write(Data((text + "\n").utf8))
    }

    private static func ratio(_ left: Double, _ right: Double) -> String { String(format: "%.2f ×", left / right) }

    private static func loadAverage() -> String {
        var loads = [0.0, 0.0, 0.0]
        return getloadavg(&loads, 3) == 3 ? String(format: "%.1f", loads[0]) : "unknown"
    }
}
