import TestSupport

/// Rounds of one fault on one stage: load, the fault, more load, the comparison, everything sent again, the comparison again.
struct Rounds {
    /// What must hold of a round beyond what must hold of all.
    typealias Rule = (_ round: Int, _ journal: Journal, _ left: Check) -> [String]

    let stage: Stage
    var report: Report
    /// How many acknowledged callbacks are waited for before the fault: at random in this range.
    var answersBefore = 100...300
    /// How many behind it.
    var answersBehind = 50
    /// The server lives through the fault, so that a request without an answer is its mistake.
    var serverLives = false
    /// The fault breaks off backfills that are under way.
    var breaksBackfills = true
    /// The last round that was played.
    private(set) var last: Journal?

    /// What was acknowledged is also sent again, so many of it.
    private static let sample = 50

    init(_ fault: Fault, on stage: Stage) {
        self.stage = stage
        report = Report(fault.rawValue, seed: stage.options.number)
    }

    /// Plays so many rounds, prints the line, and returns what did not hold.
    mutating func play(
        _ count: Int, rule: Rule = { _, _, _ in [] }, _ fault: (Int, Journal, inout SeededRandom) async throws -> Void
    ) async throws -> [String] {
        var expected = try await Totals.counted(on: stage)
        for round in 1...count {
            let (journal, left) = try await strike(round, fault)
            last = journal
            report.complain(round, serverLives ? missing(journal) : [])
            report.complain(round, rule(round, journal, left))
            let told = journal.acknowledged
            report.complain(round, try await resend(journal, left: left))
            var after = try await Check(journal, on: stage, knowing: left)
            // By now all of it was acknowledged, so all of it must be there.
            after.lost += journal.sent.keys.filter { !after.stored.contains($0) }.map { "\($0), sent until it was acknowledged" }
            after.lost += journal.offered.values.filter { after.kept[$0.body] == nil }.map { "\($0.identity), sent until it was kept" }
            report.add(round, journal, acknowledged: told.count, left: left, after: after)
            expected.events += after.stored.count
            expected.windows += after.windows
            expected.kept += after.kept.count
            // The whole database is derived anew now and then, and at the end: each time it costs as much as all rounds before.
            if round == count || round % max(5, count / 10) == 0, let output = try await stage.verify() {
                report.complain(round, ["market verify: \(output)"])
            }
            if !report.complaints.isEmpty { break }
        }
        try await judge(expected)
        Report.say(report.line)
        return report.complaints
    }

    private func missing(_ journal: Journal) -> [String] {
        let count = journal.tally.unanswered
        return count == 0 ? [] : ["\(count) requests were not answered by a server that lives"]
    }

    /// What must hold of all rounds together.
    private mutating func judge(_ expected: Totals) async throws {
        let counted = try await Totals.counted(on: stage)
        if counted != expected { report.complain(["the tables hold \(counted); of the rounds are \(expected)"]) }
        report.largeTransactions = try await Totals.largeTransactions(on: stage)
        if report.largeTransactions == 0 { report.complain(["no transaction recorded \(Totals.large) events: the load was too light"]) }
        if breaksBackfills, report.brokenOff == 0 { report.complain(["no backfill was broken off: the fault met none"]) }
    }

    /// Sends again what a round was not told of, and a sample of what it was.
    ///
    /// - Parameter understanding: what is made of an answer: for a control, which misunderstands.
    /// - Returns: what was answered wrongly.
    func resend(_ journal: Journal, left: Check, understanding: @escaping @Sendable (Answer) -> Answer = { $0 }) async throws -> [String] {
        let known = journal.acknowledged.sorted { $0.description < $1.description }.prefix(Self.sample).compactMap { journal.sent[$0] }
        return try await Load.resend(journal.unacknowledged + known, left: left, journal, on: stage, understanding: understanding)
    }

    /// One round up to the fault and beyond, without sending anything again.
    func strike(_ round: Int, _ fault: (Int, Journal, inout SeededRandom) async throws -> Void) async throws -> (Journal, Check) {
        var random = SeededRandom(seed: stage.options.number &+ UInt64(round) &* 0x9e37_79b9)
        let journal = Journal(Workload(seed: stage.options.number, round: round))
        try await Load.run(journal, on: stage) {
            try await Load.reach(Int.random(in: answersBefore, using: &random), in: journal)
            try await fault(round, journal, &random)
            try await Waiting.until("an acknowledgement behind the fault") { journal.recovered != nil }
            try await Load.reach(journal.tally.answers + answersBehind, in: journal)
        }
        return (journal, try await Check(journal, on: stage))
    }
}
