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

    /// Settings for the sessions of a client that serves. A statement that was planned while its table was empty would read the whole of it for each
    /// batch, until some ANALYZE tells PostgreSQL that it has grown: a first import would come to a crawl. Everything here is looked up by an index,
    /// but for the one row of `installation`: that looks so dear then that PostgreSQL would compile a program to read it.
    public static let sessionSettings = ["enable_seqscan": "off", "jit": "off"]
    /// And of one that records, and looks up windows by their keys. No plan of these statements hangs on the values, so none is made anew for them: to plan
    /// the look-up of what a batch is about cost more than to do it.
    public static let recordingSettings = sessionSettings.merging(["plan_cache_mode": "force_generic_plan"]) { $1 }

    public init(_ database: PGClient, logger: Logger) {
        let desk = RecordingDesk(database: database, bundles: BundleMemory(), logger: logger)
        batcher = PGBatcher(label: "event recorder", maxBatch: Self.maxBatch, maxQueued: Self.maxQueued) { await desk.record($0) }
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
}

extension Submission {
    /// What it counts for in a batch and in the queue: one, and as many as it has kilobytes where it is padded.
    fileprivate var weight: Int { max(1, body.count / 1_024) }
}
