import Foundation
import PostgresCluster

/// A program that writes lines, counted but not kept.
enum LineCount {
    private static let script = """
        set -o pipefail
        TIMEFORMAT='client CPU %U %S'
        times=$1
        shift
        for _ in $(seq "$times"); do
            { { time "$@"; } | wc -l; } &
            running+=($!)
        done
        # One that fails would otherwise end as an answer that is only short.
        for one in "${running[@]}"; do wait "$one" || exit 1; done
        """

    /// - Parameter times: so often at once.
    /// - Returns: the lines of each, and the processor seconds of the program, of all of them together.
    /// - Throws: when one exits with anything but 0.
    static func of(_ command: [String], times: Int = 1) throws -> (lines: [Int], cpu: Double) {
        let text = try Shell.run("bash", ["-c", script, "bash", "\(times)"] + command)
        let lines = text.split(separator: "\n")
        let counts = lines.compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }
        let cpu = lines.compactMap { $0.wholeMatch(of: /client CPU ([0-9.]+) ([0-9.]+)/) }.map {
            (Double($0.1) ?? .nan) + (Double($0.2) ?? .nan)
        }
        guard counts.count == times, cpu.count == times else { throw BenchError("\(command[0]) said: \(text)") }
        return (counts, cpu.reduce(0, +))
    }

    /// SHA-256 of what a shell command writes, in which the arguments are "$@".
    ///
    /// - Throws: when any part of a pipe exits with anything but 0.
    static func hash(_ command: String, _ arguments: [String]) throws -> String {
        try Shell.run("bash", ["-c", "set -o pipefail; \(command) | sha256sum", "bash"] + arguments)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
