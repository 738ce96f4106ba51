import Foundation
import PostgresCluster

/// What the rounds of one fault came to.
struct Report {
    let fault: String
    let seed: UInt64
    private var rounds = 0
    private var sent = 0
    private var acknowledged = 0
    private var stored = 0
    private var kept = 0
    private var lost = 0
    private var invented = 0
    private var doubled = 0
    private var altered = 0
    private var windows = 0
    private var wrongWindows = 0
    private var lines = 0
    private(set) var brokenOff = 0
    var largeTransactions = 0
    private var later = 0
    private var unanswered = 0
    /// Stored though nobody was told so: what a sender that does not repeat would have counted as lost.
    private var untold = 0
    private var recoveries: [Duration] = []
    /// What did not hold, with the round.
    private(set) var complaints: [String] = []
    private let began = ContinuousClock.now

    init(_ fault: String, seed: UInt64) {
        self.fault = fault
        self.seed = seed
    }

    /// Counts a round: as the fault left it, and after all that was sent had been sent again.
    ///
    /// - Parameter acknowledged: messages that were, before anything was sent again.
    mutating func add(_ round: Int, _ journal: Journal, acknowledged: Int, left: Check, after: Check) {
        let tally = journal.tally
        rounds += 1
        sent += journal.sent.count + journal.offered.count
        self.acknowledged += acknowledged
        stored += after.stored.count
        kept += after.kept.count
        lost += left.lost.count + after.lost.count
        invented += left.invented.count + after.invented.count
        doubled += left.doubled.count + after.doubled.count + journal.recordedTwice
        altered += left.altered.count + after.altered.count
        windows += left.windows + after.windows
        wrongWindows += left.wrongWindows.count + after.wrongWindows.count
        lines += tally.lines
        brokenOff += tally.brokenOff
        later += tally.later
        unanswered += tally.unanswered
        untold += journal.untold(after.stored)
        if let recovered = journal.recovered { recoveries.append(recovered) }
        let twice = journal.recordedTwice
        complain(round, left.complaints + after.complaints + journal.wrong + (twice == 0 ? [] : ["\(twice) were called new twice"]))
    }

    mutating func complain(_ round: Int, _ complaints: [String]) { complain(complaints.map { "round \(round): \($0)" }) }
    mutating func complain(_ complaints: [String]) { self.complaints += complaints }

    /// One line.
    var line: String {
        let took = ContinuousClock.now - began
        return "\(complaints.isEmpty ? "ok  " : "FAIL") \(fault): \(rounds) rounds, "
            + "sent \(sent), acked \(acknowledged), stored \(stored), kept \(kept), "
            + "lost \(lost), invented \(invented), doubled \(doubled), altered \(altered), windows \(windows) compared, \(wrongWindows) wrong, "
            + "backfill lines \(lines), broken off ×\(brokenOff), large transactions ×\(largeTransactions), 503 ×\(later), "
            + "no answer ×\(unanswered), stored untold \(untold), recovery p50 \(recovery(0.5)) p99 \(recovery(0.99)), seed \(seed), "
            + "\(took.inSeconds) s"
    }

    private func recovery(_ quantile: Double) -> String {
        let sorted = recoveries.sorted()
        guard !sorted.isEmpty else { return "–" }
        return "\(sorted[min(sorted.count - 1, Int((Double(sorted.count) * quantile).rounded(.down)))].inSeconds) s"
    }

    static func say(_ text: String) { Console.say(text) }
}

extension Duration {
    /// With two decimals.
    var inSeconds: String { String(format: "%.2f", self / .seconds(1)) }
}
