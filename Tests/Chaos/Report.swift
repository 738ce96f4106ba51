import Foundation

/// What the rounds of one fault came to.
struct Report {
    let fault: String
    let seed: UInt64
    private var rounds = 0
    private var sent = 0
    private var acknowledged = 0
    private(set) var stored = 0
    private var lost = 0
    private var invented = 0
    private var doubled = 0
    private var altered = 0
    private var windows = 0
    private var wrongWindows = 0
    /// Windows that arithmetic in the order of arrival would have got wrong.
    private(set) var wrongByArrival = 0
    private var later = 0
    private var unanswered = 0
    /// Stored though nobody was told so: what a sender that does not repeat would have counted as lost.
    private(set) var storedUntold = 0
    private var recoveries: [Duration] = []
    /// What did not hold, with the round.
    private(set) var complaints: [String] = []
    private let began = ContinuousClock.now

    init(_ fault: String, seed: UInt64) {
        self.fault = fault
        self.seed = seed
    }

    /// Counts a round: as the fault left it, and after all that was sent had been sent again.
    mutating func add(_ round: Int, _ journal: Journal, left: Check, after: Check) {
        rounds += 1
        sent += journal.sent.count
        stored += after.stored.count
        lost += left.lost.count + after.lost.count
        invented += left.invented.count + after.invented.count
        doubled += left.doubled.count + after.doubled.count + journal.recordedTwice
        altered += left.altered.count + after.altered.count
        windows += left.windows + after.windows
        wrongWindows += left.wrongWindows.count + after.wrongWindows.count
        wrongByArrival += after.wrongByArrival
        later += journal.later
        unanswered += journal.unanswered
        if let recovered = journal.recovered { recoveries.append(recovered) }
        let twice = journal.recordedTwice
        complain(round, left.complaints + after.complaints + journal.wrong + (twice == 0 ? [] : ["\(twice) were called new twice"]))
    }

    /// Counts what was acknowledged before anything was sent again, and what was stored and not acknowledged.
    mutating func count(acknowledged: Int, storedUntold: Int) {
        self.acknowledged += acknowledged
        self.storedUntold += storedUntold
    }

    mutating func complain(_ round: Int, _ complaints: [String]) { self.complaints += complaints.map { "round \(round): \($0)" } }

    /// One line.
    var line: String {
        let took = ContinuousClock.now - began
        return "\(complaints.isEmpty ? "ok  " : "FAIL") \(fault): \(rounds) rounds, sent \(sent), acked \(acknowledged), stored \(stored), "
            + "lost \(lost), invented \(invented), doubled \(doubled), altered \(altered), windows \(windows) compared, \(wrongWindows) wrong, "
            + "503 ×\(later), no answer ×\(unanswered), \(storedUntold) of them stored, recovery p50 \(recovery(0.5)) p99 \(recovery(0.99)), "
            + "seed \(seed), \(took.inSeconds) s"
    }

    private func recovery(_ quantile: Double) -> String {
        let sorted = recoveries.sorted()
        guard !sorted.isEmpty else { return "–" }
        return "\(sorted[min(sorted.count - 1, Int((Double(sorted.count) * quantile).rounded(.down)))].inSeconds) s"
    }

    /// At once, also into a pipe.
    static func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}

extension Duration {
    /// With two decimals.
    var inSeconds: String { String(format: "%.2f", self / .seconds(1)) }
}
