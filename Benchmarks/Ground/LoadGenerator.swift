import Foundation
import PostgresCluster
import Synchronization

/// Requests over HTTP from `wrk`, over connections that are kept.
struct LoadGenerator {
    let seconds: Int

    struct Outcome {
        let completed: Int
        let rate: Double
        /// In milliseconds.
        let p50: Double
        let p99: Double
    }

    /// Where one wrk sends what its Lua makes: `request()` makes the next request.
    struct Target {
        let url: String
        let connections: Int
        let script: String
    }

    /// Loads all targets at once, each from a wrk of its own.
    ///
    /// - Returns: what came of each, in their order.
    /// - Throws: when any answer was none, or not of 2xx.
    func send(to targets: [Target]) throws -> [Outcome] {
        let outcomes = Mutex<[Int: Result<Outcome, any Error>]>([:])
        // A thread for each: a queue would let only as many go at once as there are processors.
        let done = DispatchSemaphore(value: 0)
        for (index, target) in targets.enumerated() {
            Thread.detachNewThread {
                let outcome = Result { try send(to: target) }
                outcomes.withLock { $0[index] = outcome }
                done.signal()
            }
        }
        for _ in targets { done.wait() }
        return try outcomes.withLock { $0 }.sorted { $0.key < $1.key }.map { try $0.value.get() }
    }

    private func send(to target: Target) throws -> Outcome {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-wrk-\(UUID().uuidString).lua")
        try target.script.write(to: file, atomically: true, encoding: .utf8)
        defer { unlink(file.path) }
        let text = try Shell.run(
            "wrk",
            [
                "-t", "1", "-c", "\(target.connections)", "-d", "\(seconds)s", "--timeout", "30s", "--latency", "-s", file.path, target.url,
            ])
        guard !text.contains("Socket errors"), !text.contains("Non-2xx") else {
            throw BenchError("not every request was answered: \(text)")
        }
        func number(_ pattern: Regex<(Substring, Substring)>) -> Double? { text.firstMatch(of: pattern).flatMap { Double($0.1) } }
        func milliseconds(_ percentile: String) throws -> Double {
            let pattern = try Regex("\(percentile)%\\s+([0-9.]+)(us|ms|s)", as: (Substring, Substring, Substring).self)
            guard let match = text.firstMatch(of: pattern), let value = Double(match.1) else { return .nan }
            return match.2 == "us" ? value / 1_000 : match.2 == "s" ? value * 1_000 : value
        }
        guard let completed = number(/([0-9]+) requests in/), let rate = number(/Requests\/sec:\s+([0-9.]+)/) else {
            throw BenchError("wrk said: \(text)")
        }
        return Outcome(completed: Int(completed), rate: rate, p50: try milliseconds("50"), p99: try milliseconds("99"))
    }
}
