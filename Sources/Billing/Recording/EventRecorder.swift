import Logging
import PGClient
import ProductCatalog
import ServiceLifecycle

/// Records payment events, each once, with the windows that they move, durably, before it answers.
///
/// Events that arrive while a batch is in flight form the next one and share its transaction and its wait for the disk (group commit). There is one
/// batch in flight for each process, so what arrives here is judged in the order of arrival; several processes are kept apart by row locks and keys.
public final class EventRecorder: Service {
    private let batcher: PGBatcher<[Submission], [RecordOutcome]>

    /// Events of one transaction: from about a hundred on the disk and the round trips cost next to nothing for each, and past a few thousand
    /// a transaction holds its locks for longer than another server process should wait.
    static let maxBatch = 2_000
    /// Events that may wait: at ten thousand a second, the backlog of five seconds. More are refused at once, which the sender can repeat.
    static let maxQueued = 50_000

    public init(_ database: PGClient, logger: Logger) {
        batcher = PGBatcher(label: "event recorder", maxBatch: Self.maxBatch, maxQueued: Self.maxQueued) { requests in
            await Self.record(requests, database: database, logger: logger)
        }
    }

    public func run() async throws {
        try await batcher.run()
    }

    /// Records submissions in one transaction and says what became of each, in their order.
    ///
    /// - Throws: `PGError`. With outcome `.unknown` they may have been recorded; sending them again is always safe.
    public func record(_ submissions: [Submission]) async throws -> [RecordOutcome] {
        guard !submissions.isEmpty else { return [] }
        return try await batcher.submit(submissions, weight: submissions.count)
    }

    public func record(_ submission: Submission) async throws -> RecordOutcome {
        try await record([submission])[0]
    }

    private static func record(_ requests: [[Submission]], database: PGClient, logger: Logger) async -> [Result<[RecordOutcome], any Error>]
    {
        let results = await outcomes(of: requests.flatMap(\.self), database: database, logger: logger)
        var rest = results[...]
        return requests.map { request in
            let mine = rest.prefix(request.count)
            rest = rest.dropFirst(request.count)
            return Result { try mine.map { try $0.get() } }
        }
    }

    /// A batch that the database refuses for one of its events is tried in halves, so that the others do not pay for it.
    private static func outcomes(of submissions: [Submission], database: PGClient, logger: Logger) async -> [Result<
        RecordOutcome, any Error
    >] {
        do {
            return try await RecordingBatch(submissions).record(in: database).map { .success($0) }
        } catch {
            guard submissions.count > 1, let refusal = error as? PGError, refusal.kind == .server, !refusal.isUnavailable else {
                logger.error("recording failed", metadata: ["events": "\(submissions.count)", "error": "\(error)"])
                return submissions.map { _ in .failure(error) }
            }
            logger.warning("a batch was refused; trying its halves", metadata: ["events": "\(submissions.count)", "error": "\(error)"])
            let middle = submissions.count / 2
            let first = await outcomes(of: Array(submissions[..<middle]), database: database, logger: logger)
            return first + (await outcomes(of: Array(submissions[middle...]), database: database, logger: logger))
        }
    }
}
