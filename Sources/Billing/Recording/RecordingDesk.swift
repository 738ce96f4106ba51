import Logging
import PGClient
import ProductCatalog

/// Records a batch, in smaller transactions where one does not do, and says of each submission what became of it.
struct RecordingDesk: Sendable {
    let database: PGClient
    let bundles: BundleMemory
    let windows: WindowMemory
    let logger: Logger

    /// One answer for the submissions of one caller, who may have sent more than one transaction took: where some were recorded, "not applied" is not true
    /// of them all.
    static func answer(of results: some Collection<Result<RecordOutcome, any Error>>) -> Result<[RecordOutcome], any Error> {
        Result {
            do {
                return try results.map { try $0.get() }
            } catch var error as PGError where results.contains(where: { if case .success = $0 { true } else { false } }) {
                error.outcome = .unknown
                throw error
            }
        }
    }

    /// A batch that the database refuses for one of its events is tried in halves, so that the others do not pay for it. So is one for which the
    /// database's table of locks has no room left (53200).
    func outcomes(of submissions: [Submission]) async -> [Result<RecordOutcome, any Error>] {
        guard !submissions.isEmpty else { return [] }
        do {
            return try await RecordingBatch(submissions, bundles: bundles, memory: windows).record(in: database)
        } catch {
            guard submissions.count > 1, let refusal = error as? PGError, refusal.kind == .server, !refusal.isContention,
                !refusal.isUnavailable || refusal.sqlState == .outOfMemory
            else {
                // Who cancelled it knows; nothing is wrong then.
                let level: Logger.Level = (error as? PGError)?.kind == .cancelled ? .info : .error
                logger.log(level: level, "recording failed", metadata: ["events": "\(submissions.count)", "error": "\(error)"])
                return submissions.map { _ in .failure(error) }
            }
            logger.warning("a batch was refused; trying its halves", metadata: ["events": "\(submissions.count)", "error": "\(error)"])
            let middle = submissions.count / 2
            let first = await outcomes(of: Array(submissions[..<middle]))
            return first + (await outcomes(of: Array(submissions[middle...])))
        }
    }
}

extension PGError {
    /// Whether others were in the way for longer than is waited: no event is at fault, and half a batch would wait as long once more.
    fileprivate var isContention: Bool {
        sqlState == .lockNotAvailable || sqlState == .queryCanceled || sqlState?.isTransient == true
    }
}
