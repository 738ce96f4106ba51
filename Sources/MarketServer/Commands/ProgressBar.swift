import Foundation
import PostgresCluster

/// How far a long job is: rows, rate and time left, on standard error. In place on a terminal, a line now and then elsewhere.
struct ProgressBar {
    private let total: Int?
    private let start = ContinuousClock.now
    private var shownAt: ContinuousClock.Instant?
    private let terminal = isatty(STDERR_FILENO) == 1

    /// - Parameter total: in the unit that `update` counts `done` in; nil when it is not known.
    init(total: Int?) {
        self.total = total
    }

    /// Shows the state if it is time to: ten times a second on a terminal, every five seconds elsewhere.
    mutating func update(done: Int, rows: Int) {
        let now = ContinuousClock.now
        if let shownAt, now - shownAt < (terminal ? .milliseconds(100) : .seconds(5)) { return }
        shownAt = now
        show(done: done, rows: rows)
    }

    /// Shows the end state.
    func finish(rows: Int) {
        show(done: total ?? 0, rows: rows)
        if terminal { Console.tell("") }
    }

    private func show(done: Int, rows: Int) {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let rate = seconds > 0 ? Double(rows) / seconds : 0
        var text = "\(rows) rows, \(Int(rate)) rows/s"
        if let total, total > 0 {
            let share = min(Double(done) / Double(total), 1)
            let filled = Int(share * 30)
            text = "[\(String(repeating: "#", count: filled))\(String(repeating: ".", count: 30 - filled))] \(Int(share * 100)) %, \(text)"
            if share > 0, share < 1 { text += ", \(Int(seconds / share * (1 - share)) + 1) s left" }
        }
        if terminal { Console.tell("\r\u{1B}[K\(text)", terminator: "") } else { Console.tell(text) }
    }
}
