import Foundation
import PostgresCluster

/// Requests over HTTP from `wrk`, over connections that are kept.
struct LoadGenerator {
    let connections: Int
    let seconds: Int

    struct Outcome {
        let completed: Int
        let rate: Double
        /// In milliseconds.
        let p50: Double
        let p99: Double
        /// Processor seconds of wrk itself.
        let cpu: Double
        /// Processors of the machine that were idle meanwhile, on average.
        let idle: Double
    }

    /// - Parameter script: Lua for wrk: `request()` makes the next request. It may use `run`, a number of this process and its own.
    /// - Throws: when any answer was none, or not of 2xx.
    func send(to url: String, script: String) throws -> Outcome {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-wrk-\(UUID().uuidString).lua")
        try script.write(to: file, atomically: true, encoding: .utf8)
        let (cpu, idle, start) = (ProcessTime.ofEndedChildren(), try ProcessTime.ofNobody(), ContinuousClock.now)
        let text = try Shell.run(
            "/usr/bin/wrk", ["-t", "1", "-c", "\(connections)", "-d", "\(seconds)s", "--timeout", "30s", "--latency", "-s", file.path, url])
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = (cpu: ProcessTime.ofEndedChildren() - cpu, idle: try ProcessTime.ofNobody() - idle)
        try FileManager.default.removeItem(at: file)
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
        return Outcome(
            completed: Int(completed), rate: rate, p50: try milliseconds("50"), p99: try milliseconds("99"),
            cpu: used.cpu, idle: used.idle / seconds)
    }
}
