import Billing
import PostgresCluster
import Synchronization

/// What has become of the lines of an import so far, to be asked whenever it ends.
final class ImportTally: Sendable {
    struct Counts: Sendable, Equatable, CustomStringConvertible {
        var rows = 0
        var recorded = 0
        var duplicate = 0
        var quarantined = 0

        var description: String { "recorded \(recorded), duplicate \(duplicate), quarantined \(quarantined), of \(rows) rows" }
    }

    private let state = Mutex(Counts())

    var counts: Counts { state.withLock { $0 } }

    /// Counts answers, and names on standard error what was kept in quarantine.
    ///
    /// - Returns: the number of rows with these.
    func add(_ answers: [Backfill.Answer]) -> Int {
        var kept: [String] = []
        let rows = state.withLock { counts in
            counts.rows += answers.count
            for answer in answers {
                switch answer.outcome {
                case .recorded: counts.recorded += 1
                case .duplicate: counts.duplicate += 1
                case .quarantined(let reason, let detail, let id):
                    counts.quarantined += 1
                    kept.append("line \(answer.line): \(reason.rawValue): \(detail) (kept as \(id))")
                }
            }
            return counts.rows
        }
        if !kept.isEmpty { Console.tell(kept.joined(separator: "\n")) }
        return rows
    }
}
