import ArgumentParser
import TestSupport

/// What is done to the server or to what it stands on. `docs/OPERATIONS.md` says what must hold.
enum Fault: String, CaseIterable, ExpressibleByArgument, Sendable {
    case serverKill = "server-kill"
    case databaseKill = "database-kill"
    case backendKill = "backend-kill"
    case databaseRestart = "database-restart"
    case commitCut = "commit-cut"
    case diskFull = "disk-full"
    case integers
    case termination

    /// Plays the fault with its control, and prints a line for each.
    ///
    /// - Returns: what did not hold.
    func play(_ options: Chaos) async throws -> [String] {
        switch self {
        case .serverKill: try await ServerKill.play(options)
        case .databaseKill: try await DatabaseKill.playKill(options)
        case .backendKill: try await DatabaseKill.playBackend(options)
        case .databaseRestart: try await DatabaseKill.playRestart(options)
        case .commitCut: try await CommitCut.play(options)
        case .diskFull: try await DiskFull.play(options)
        case .integers: try await Integers.play(options)
        case .termination: try await Termination.play(options)
        }
    }
}

extension Chaos {
    func count(short: Int, long: Int) -> Int { rounds == .short ? short : max(1, long * percent / 100) }
}

/// Rounds of one fault on one stage: load, the fault, more load, the comparison, everything sent again, the comparison again.
struct Rounds {
    let stage: Stage
    var report: Report
    /// How many acknowledgements are waited for before the fault: at random in this range.
    var answersBefore = 100...300
    /// How many behind it.
    var answersBehind = 50

    /// What was acknowledged is also sent again, so many of it.
    private static let sample = 50

    init(_ fault: Fault, on stage: Stage) {
        self.stage = stage
        report = Report(fault.rawValue, seed: stage.options.number)
    }

    /// Plays so many rounds, prints the line, and returns what did not hold.
    mutating func play(_ count: Int, _ fault: (Int, Journal, inout SeededRandom) async throws -> Void) async throws -> [String] {
        for round in 1...count {
            let (journal, left) = try await strike(round, fault)
            let told = journal.acknowledged
            let again = journal.sent.values.filter { !told.contains($0.identity) }
            report.count(acknowledged: told.count, storedUntold: again.count { left.stored.contains($0.identity) })
            let known = told.sorted { $0.description < $1.description }.prefix(Self.sample).compactMap { journal.sent[$0] }
            report.complain(round, try await Load.resend(again + known, stored: left.stored, journal, on: stage))
            var after = try await Check(journal, on: stage)
            // By now all of it was acknowledged, so all of it must be there.
            after.lost += journal.sent.keys.filter { !after.stored.contains($0) && !after.lost.contains($0) }
            report.add(round, journal, left: left, after: after)
            // The whole database is derived anew now and then, and at the end: each time it costs as much as all rounds before.
            if round == count || round % max(5, count / 10) == 0, let output = try await stage.verify() {
                report.complain(round, ["market verify: \(output)"])
            }
            if !report.complaints.isEmpty { break }
        }
        Report.say(report.line)
        return report.complaints
    }

    /// One round up to the fault and beyond, without sending anything again.
    func strike(_ round: Int, _ fault: (Int, Journal, inout SeededRandom) async throws -> Void) async throws -> (Journal, Check) {
        var random = SeededRandom(seed: stage.options.number &+ UInt64(round) &* 0x9e37_79b9)
        let journal = Journal(Workload(seed: stage.options.number, round: round))
        try await Load.run(journal, on: stage) {
            try await Load.reach(Int.random(in: answersBefore, using: &random), in: journal)
            try await fault(round, journal, &random)
            try await Waiting.until("an acknowledgement behind the fault") { journal.recovered != nil }
            try await Load.reach(journal.answers + answersBehind, in: journal)
        }
        return (journal, try await Check(journal, on: stage))
    }
}

/// A wrong that is done on purpose: the checks must find it.
enum Control {
    /// Rounds that a control has to be found in: some hang on what was in flight.
    private static let attempts = 5

    /// Plays rounds until the checks object, and prints the line.
    ///
    /// - Returns: a complaint when they never do.
    static func mustFail(_ what: String, _ round: (Int) async throws -> [String]) async throws -> [String] {
        for attempt in 1...attempts {
            let complaints = try await round(attempt)
            guard let first = complaints.first else { continue }
            Report.say("ok   control, \(what): found (\(first.prefix(150)))")
            return []
        }
        Report.say("FAIL control, \(what): not found in \(attempts) rounds")
        return ["the control was not found: \(what)"]
    }
}
