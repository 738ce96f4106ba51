import Logging
import PGClient
import ProductCatalog
import ServiceLifecycle

/// Records payment events, each once, with the windows that they move, durably, before it answers.
///
/// Each process judges what is of one subscriber, or of one trade number, in the order of arrival; several processes are kept apart by row locks and keys.
public final class EventRecorder: Service {
    private let queue = RecordingQueue(maxBatch: maxBatch, maxQueued: maxQueued, worthRoundTrips: worthRoundTrips)
    private let desk: RecordingDesk

    /// Events of one transaction, where they are of the usual size: from about a hundred on the disk and the round trips cost next to nothing for each, and
    /// past a thousand or two a transaction holds its locks for longer than another server process should wait.
    static let maxBatch = 1_000
    /// Events that may wait, or a kilobyte of what is larger: at ten thousand a second, the backlog of five seconds. More are refused at once, which the sender can repeat.
    static let maxQueued = 50_000
    /// Transactions in flight at once: while one waits for the disk, or for us, the others keep PostgreSQL busy. A fourth one gained nothing.
    static let transactions = 3
    /// Events from which one more transaction is worth its round trips: they cost PostgreSQL about what six events do. Measured with 64 and 256 senders that
    /// each wait for their answer: fewer cost more processor time than they filled.
    static let worthRoundTrips = 16

    /// Settings for the sessions of a client that serves. A statement that was planned while its table was empty would read the whole of it for each
    /// batch, until some ANALYZE tells PostgreSQL that it has grown: a first import would come to a crawl. Everything here is looked up by an index,
    /// but for the one row of `installation`: that looks so dear then that PostgreSQL would compile a program to read it.
    public static let sessionSettings = ["enable_seqscan": "off", "jit": "off"]
    /// And of one that records, and looks up windows by their keys. No plan of these statements hangs on the values, so none is made anew for them: to plan
    /// the look-up of what a batch is about cost more than to do it.
    ///
    /// What is written by its place is joined row by row: no other way keeps to the order in which all batches lock windows (`WindowState.update`), or needs
    /// no more than the rows themselves.
    public static let recordingSettings = sessionSettings.merging(
        ["plan_cache_mode": "force_generic_plan", "enable_hashjoin": "off", "enable_mergejoin": "off"]
    ) { $1 }

    public init(_ database: PGClient, logger: Logger) {
        desk = RecordingDesk(database: database, bundles: BundleMemory(), windows: WindowMemory(), logger: logger)
    }

    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withTaskGroup { group in
                    for _ in 0..<Self.transactions {
                        group.addTask {
                            while let batch = await self.queue.next() {
                                self.queue.end(batch, with: await self.desk.outcomes(of: batch.submissions))
                            }
                        }
                    }
                }
            } onCancel: {
                queue.close()
            }
        } onGracefulShutdown: {
            self.queue.close()
        }
    }

    /// Records submissions and says what became of each, in their order. Those that are sent at once need not be of one transaction.
    ///
    /// - Throws: `PGError`: with outcome `.unknown` they may have been recorded, and sending them again is always safe. `UnknownInboundKey` where one came
    ///   under a key that nobody has.
    public func record(_ submissions: [Submission]) async throws -> [RecordOutcome] {
        try Task.checkCancellation()
        return try await take(submissions).outcomes
    }

    /// The same, with an answer for each: one that fails takes no other along.
    func recordEach(_ submissions: [Submission]) async -> [Result<RecordOutcome, any Error>] {
        let receipts = submissions.map { take([$0]) }
        var results: [Result<RecordOutcome, any Error>] = []
        for receipt in receipts {
            do {
                results.append(.success(try await receipt.outcomes[0]))
            } catch {
                results.append(.failure(error))
            }
        }
        return results
    }

    public func record(_ submission: Submission) async throws -> RecordOutcome {
        try await record([submission])[0]
    }

    /// The same for a caller that is no task: `then` is called once, on whichever thread, and must be brief.
    public func record(_ submission: Submission, then: @escaping @Sendable (Result<RecordOutcome, any Error>) -> Void) {
        queue.add([submission]) { result in then(result.map { $0[0] }) }
    }

    /// Takes submissions in at once, behind all that was taken in before, and lets the caller wait for what becomes of them when he likes.
    func take(_ submissions: [Submission]) -> Receipt {
        let receipt = Receipt()
        if submissions.isEmpty {
            receipt.arrive(.success([]))
        } else {
            queue.add(submissions) { receipt.arrive($0) }
        }
        return receipt
    }
}
