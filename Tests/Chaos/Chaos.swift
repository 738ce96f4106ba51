import ArgumentParser
import Foundation
import Logging

/// `make chaos`: real faults against the real server and a real PostgreSQL, while it is under load; and for each fault a control, a wrong that is done
/// on purpose and that the same checks must find.
@main
struct Chaos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chaos",
        abstract: "Kill, cut and fill up what a server stands on; then say what was lost.",
        discussion: """
            Prints a line for each fault and each control. Exits with 1 when anything was lost, invented or done twice, or when a control was not found; \
            with 2 when all held and a fault could not be played here that was not left out by --without. \
            The order in which messages meet is the machine's own; what is sent, and where each fault strikes, follows from the seed.
            """)

    enum Rounds: String, ExpressibleByArgument, CaseIterable {
        case short
        case long
    }

    @Option(help: "The program to be tried.")
    var market = ".build/debug/market"
    @Option(help: "short, as continuous integration runs it, or long.")
    var rounds = Rounds.short
    @Option(help: "The seed of an earlier run; a new one otherwise.")
    var seed: UInt64?
    @Option(help: "This fault alone; may be given more than once.")
    var only: [Fault] = []
    @Option(help: "Not this fault; may be given more than once.")
    var without: [Fault] = []
    @Option(help: "This share of the long form's rounds, in percent.")
    var percent = 100
    /// The seed of this run.
    private(set) var number: UInt64 = 0
    private(set) var program = URL(filePath: "/")

    enum CodingKeys: CodingKey {
        case market, rounds, seed, only, without, percent
    }

    func validate() throws {
        guard (1...100).contains(percent) else { throw ValidationError("--percent: 1 to 100") }
    }

    mutating func run() async throws {
        number = seed ?? UInt64.random(in: 0..<1 << 32)
        program =
            URL(filePath: market, relativeTo: URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory))
            .standardizedFileURL
        guard FileManager.default.isExecutableFile(atPath: program.path) else {
            throw ValidationError("there is no program at \(program.path)")
        }
        // What the caller's environment configures does not reach the programs that are tried.
        for name in ProcessInfo.processInfo.environment.keys where name.hasPrefix("MARKET_") || name == "DATABASE_URL" { unsetenv(name) }
        Report.say("chaos, \(rounds.rawValue) form, seed \(number)")
        var failed = 0
        let asked = Fault.allCases.filter { only.isEmpty || only.contains($0) }
        // A file system of one's own is not to be had everywhere.
        let leftOut = asked.filter { without.contains($0) || $0 == .diskFull && !Volume.isAllowed }
        for fault in asked where !leftOut.contains(fault) {
            do {
                let complaints = try await fault.play(self)
                if !complaints.isEmpty { failed += 1 }
                for complaint in complaints.prefix(10) { Report.say("     \(complaint)") }
            } catch {
                failed += 1
                Report.say("FAIL \(fault.rawValue): \(error)")
            }
        }
        let rest = leftOut.map(\.rawValue).joined(separator: " and ")
        let held = leftOut.isEmpty ? "all held" : "all held but \(rest), which was left out"
        Report.say(failed == 0 ? "\(held); every control was found (seed \(number))" : "\(failed) FAILED (seed \(number))")
        if failed > 0 { throw ExitCode(1) }
        // Silence about a fault is no proof: only who asked for it gets it.
        if leftOut.contains(where: { !without.contains($0) }) { throw ExitCode(2) }
    }
}
