import Logging
import PGClient
import ProductCatalog

/// Divides what was sent at once into transactions, and says of each submission what became of it.
struct RecordingDesk: Sendable {
    let database: PGClient
    let bundles: BundleMemory
    let logger: Logger

    /// Records what several callers have sent; an answer for each.
    func record(_ requests: [[Submission]]) async -> [Result<[RecordOutcome], any Error>] {
        let results = await outcomes(ofLarge: requests.flatMap { $0 })
        var rest = results[...]
        return requests.map { request in
            let mine = rest.prefix(request.count)
            rest = rest.dropFirst(request.count)
            return Self.answer(of: mine)
        }
    }

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

    /// From so many events on a batch is worth two transactions at once: each then has enough to share the wait for the disk.
    private static let worthTwo = 400

    /// A large batch in two transactions at once. All of one subscriber go into one of them, so that they have no window in common; and all of one trade
    /// number, so that of two events that contradict each other the first one stands.
    private func outcomes(ofLarge submissions: [Submission]) async -> [Result<RecordOutcome, any Error>] {
        guard submissions.count >= Self.worthTwo else { return await outcomes(of: submissions) }
        var halfOfTrade: [String: Bool] = [:]
        let inSecond = submissions.map { submission in
            let half = halfOfTrade[submission.message.tradeNo] ?? submission.message.uid.hashValue.isMultiple(of: 2)
            halfOfTrade[submission.message.tradeNo] = half
            return half
        }
        let halves = [false, true].map { half in zip(submissions, inSecond).filter { $0.1 == half }.map { $0.0 } }
        async let first = outcomes(of: halves[0])
        async let second = outcomes(of: halves[1])
        var (rest, restOfSecond) = (await first[...], await second[...])
        return inSecond.map { $0 ? restOfSecond.removeFirst() : rest.removeFirst() }
    }

    /// A batch that the database refuses for one of its events is tried in halves, so that the others do not pay for it. So is one for which the
    /// database's table of locks has no room left (53200).
    private func outcomes(of submissions: [Submission]) async -> [Result<RecordOutcome, any Error>] {
        guard !submissions.isEmpty else { return [] }
        do {
            return try await RecordingBatch(submissions, bundles: bundles).record(in: database)
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
