import ArgumentParser
import Foundation

/// What the parts found: said as soon as each is done, and all of it once more at the end. A part that fails takes nothing from the others.
final class Report {
    private let started = ContinuousClock.now
    private var findings: [any Finding] = []
    private var failures: [String] = []

    /// Runs a part.
    ///
    /// - Returns: nil when it failed, which is said, now and at the end.
    func part<Outcome>(_ name: String, _ work: () async throws -> ([any Finding], Outcome)) async -> Outcome? {
        say("\(name):")
        do {
            let (found, outcome) = try await work()
            for finding in found { say(finding.text) }
            findings += found
            return outcome
        } catch {
            failures.append("\(name) FAILED: \(error)")
            say("  \(failures[failures.count - 1])")
            return nil
        }
    }

    func part(_ name: String, _ work: () async throws -> [any Finding]) async {
        _ = await part(name) { (try await work(), ()) }
    }

    /// Says all of it.
    ///
    /// - Throws: exit code 1 when a limit is missed or a part failed.
    func conclude(runs: Int) throws {
        let minutes = (ContinuousClock.now - started) / .seconds(60)
        say(
            "\nmedians of \(runs), in \(two(minutes)) minutes; \(ProcessInfo.processInfo.activeProcessorCount) processors, load average at the end "
                + loadAverage())
        for finding in findings { say(finding.text) }
        let goals = findings.filter(\.hasGoal)
        let missed = goals.filter { !$0.reached }
        say(missed.isEmpty ? "all \(goals.count) reached" : "\(missed.count) of \(goals.count) MISSED:")
        for finding in missed { say("  \(finding.subject)") }
        for failure in failures { say(failure) }
        if !(missed.isEmpty && failures.isEmpty) { throw ExitCode(1) }
    }

    private func loadAverage() -> String {
        var loads = [0.0, 0.0, 0.0]
        return getloadavg(&loads, 3) == 3 ? two(loads[0]) : "unknown"
    }
}
