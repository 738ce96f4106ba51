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

    /// Events of one transaction, where they are of the usual size: from about a hundred on the disk and the round trips cost next to nothing for each, and past a few thousand
    /// a transaction holds its locks for longer than another server process should wait.
    static let maxBatch = 2_000
    /// Events that may wait, or a kilobyte of what is larger: at ten thousand a second, the backlog of five seconds. More are refused at once, which the sender can repeat.
    static let maxQueued = 50_000

    /// Settings for the sessions of a client that records. A statement that was planned while its table was empty would read the whole of it for each
    /// batch, until some ANALYZE tells PostgreSQL that it has grown: a first import would come to a crawl. Everything here is looked up by an index.
    public static let sessionSettings = ["enable_seqscan": "off"]

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
    /// - Throws: `PGError`: with outcome `.unknown` they may have been recorded, and sending them again is always safe. `UnknownInboundKey` where one came
    ///   under a key that nobody has.
    public func record(_ submissions: [Submission]) async throws -> [RecordOutcome] {
        guard !submissions.isEmpty else { return [] }
        return try await batcher.submit(submissions, weight: submissions.reduce(0) { $0 + $1.weight })
    }

    public func record(_ submission: Submission) async throws -> RecordOutcome {
        try await record([submission])[0]
    }

    /// The same for a caller that is no task: `then` is called once, on whichever thread, and must be brief.
    public func record(_ submission: Submission, then: @escaping @Sendable (Result<RecordOutcome, any Error>) -> Void) {
        batcher.submit([submission], weight: submission.weight) { result in then(result.map { $0[0] }) }
    }

    private static func record(_ requests: [[Submission]], database: PGClient, logger: Logger) async -> [Result<[RecordOutcome], any Error>]
    {
        let results = await outcomes(ofLarge: requests.flatMap { $0 }, database: database, logger: logger)
        var rest = results[...]
        return requests.map { request in
            let mine = rest.prefix(request.count)
            rest = rest.dropFirst(request.count)
            return answer(of: mine)
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
    private static func outcomes(
        ofLarge submissions: [Submission], database: PGClient, logger: Logger
    ) async -> [Result<RecordOutcome, any Error>] {
        guard submissions.count >= worthTwo else { return await outcomes(of: submissions, database: database, logger: logger) }
        var halfOfTrade: [String: Bool] = [:]
        let inSecond = submissions.map { submission in
            let half = halfOfTrade[submission.message.tradeNo] ?? submission.message.uid.hashValue.isMultiple(of: 2)
            halfOfTrade[submission.message.tradeNo] = half
            return half
        }
        let halves = [false, true].map { half in zip(submissions, inSecond).filter { $0.1 == half }.map { $0.0 } }
        async let first = outcomes(of: halves[0], database: database, logger: logger)
        async let second = outcomes(of: halves[1], database: database, logger: logger)
        var (rest, restOfSecond) = (await first[...], await second[...])
        return inSecond.map { $0 ? restOfSecond.removeFirst() : rest.removeFirst() }
    }

    /// A batch that the database refuses for one of its events is tried in halves, so that the others do not pay for it. So is one for which the
    /// database's table of locks has no room left (53200).
    private static func outcomes(of submissions: [Submission], database: PGClient, logger: Logger) async -> [Result<
        RecordOutcome, any Error
    >] {
        guard !submissions.isEmpty else { return [] }
        do {
            return try await RecordingBatch(submissions).record(in: database)
        } catch {
            guard submissions.count > 1, let refusal = error as? PGError, refusal.kind == .server, !refusal.isContention,
                !refusal.isUnavailable || refusal.sqlState == .outOfMemory
            else {
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

extension PGError {
    /// Whether others were in the way for longer than is waited: no event is at fault, and half a batch would wait as long once more.
    fileprivate var isContention: Bool {
        sqlState == .lockNotAvailable || sqlState == .queryCanceled || sqlState?.isTransient == true
    }
}

extension Submission {
    /// What it counts for in a batch and in the queue: one, and as many as it has kilobytes where it is padded.
    fileprivate var weight: Int { max(1, body.count / 1_024) }
}
