import NIOConcurrencyHelpers
import ServiceLifecycle

/// Groups requests that arrive while the previous group is in flight: one round trip, or one commit, for all of them.
///
/// The group forms by itself and needs no timer: with nobody else about a request goes out at once; the busier the database, the larger the
/// groups. A `Service`: `run()` does the work, and graceful shutdown first finishes what was submitted.
public final class PGBatcher<Request: Sendable, Answer: Sendable>: Service {
    public typealias Perform = @Sendable ([Request]) async -> [Result<Answer, any Error>]

    private struct Waiting {
        let request: Request
        let weight: Int
        let answer: @Sendable (Result<Answer, any Error>) -> Void
    }

    private struct State {
        var waiting: [Waiting] = []
        var weight = 0
        var closed = false
        var idleWorkers: [UnsafeContinuation<Void, Never>] = []
    }

    private let label: String
    private let maxBatch: Int
    private let maxQueued: Int
    private let workers: Int
    private let perform: Perform
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - maxBatch: weight of one group at most; a single request may weigh more.
    ///   - maxQueued: weight that may wait; more is refused at once.
    ///   - workers: groups in flight at once.
    ///   - perform: answers a group, one answer for each request in its order.
    public init(label: String, maxBatch: Int, maxQueued: Int, workers: Int = 1, perform: @escaping Perform) {
        precondition(maxBatch >= 1 && maxQueued >= 1 && workers >= 1, "a batcher needs room for one")
        self.label = label
        self.maxBatch = maxBatch
        self.maxQueued = maxQueued
        self.workers = workers
        self.perform = perform
    }

    /// Waits for the answer to the request. `weight` is what it counts for in a group: the events of a chunk.
    ///
    /// Once submitted a request is carried out even if its caller is cancelled: others share its transaction.
    ///
    /// - Throws: what `perform` answered; `PGError` of kind poolFull when too much waits, notRunning after shutdown.
    public func submit(_ request: Request, weight: Int = 1) async throws -> Answer {
        try Task.checkCancellation()
        return try await withUnsafeContinuation { continuation in
            submit(request, weight: weight) { continuation.resume(returning: $0) }
        }.get()
    }

    /// The same for a caller that is no task: `answer` is called once, on whichever thread, and must be brief.
    public func submit(_ request: Request, weight: Int = 1, answer: @escaping @Sendable (Result<Answer, any Error>) -> Void) {
        let (refused, worker): (PGError?, UnsafeContinuation<Void, Never>?) = state.withLockedValue { state in
            if state.closed { return (PGError(.notRunning, "\(label) is shut down"), nil) }
            if state.weight + weight > maxQueued, !state.waiting.isEmpty {
                return (PGError(.poolFull, "\(label): \(state.waiting.count) requests wait already"), nil)
            }
            state.waiting.append(Waiting(request: request, weight: weight, answer: answer))
            state.weight += weight
            return (nil, state.idleWorkers.popLast())
        }
        if let refused { answer(.failure(refused)) }
        worker?.resume()
    }

    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await withTaskGroup { group in
                    for _ in 0..<workers { group.addTask { await self.work() } }
                }
            } onCancel: {
                close()
            }
        } onGracefulShutdown: {
            self.close()
        }
    }

    private func close() {
        let idle = state.withLockedValue { state in
            state.closed = true
            defer { state.idleWorkers = [] }
            return state.idleWorkers
        }
        for worker in idle { worker.resume() }
    }

    private func work() async {
        while let batch = await nextBatch() {
            let answers = await perform(batch.map(\.request))
            precondition(answers.count == batch.count, "\(label): one answer for each request")
            PGDelivery.together {
                for (waiting, answer) in zip(batch, answers) { waiting.answer(answer) }
            }
        }
    }

    /// The next group; nil when nothing more will come.
    private func nextBatch() async -> [Waiting]? {
        while true {
            let (batch, closed) = state.withLockedValue { state in (takeBatch(&state), state.closed) }
            if !batch.isEmpty { return batch }
            if closed { return nil }
            await withUnsafeContinuation { continuation in
                let goOn = state.withLockedValue { state in
                    if !state.waiting.isEmpty || state.closed { return true }
                    state.idleWorkers.append(continuation)
                    return false
                }
                if goOn { continuation.resume() }
            }
        }
    }

    private func takeBatch(_ state: inout State) -> [Waiting] {
        if state.weight <= maxBatch {
            defer {
                state.waiting = []
                state.weight = 0
            }
            return state.waiting
        }
        var weight = 0
        var count = 0
        for waiting in state.waiting {
            if count > 0, weight + waiting.weight > maxBatch { break }
            weight += waiting.weight
            count += 1
        }
        let batch = Array(state.waiting.prefix(count))
        state.waiting.removeFirst(count)
        state.weight -= weight
        return batch
    }
}

/// The handing over of the answers of one group.
///
/// Whoever takes answers to another thread may wait until the group's last one has been handed over, and wake that thread once for all of them.
public final class PGDelivery: Sendable {
    @TaskLocal private static var current: PGDelivery?

    private let endings = NIOLockedValueBox<[@Sendable () -> Void]>([])

    private init() {}

    /// Runs `ending` when the answers that are being handed over have been, at once where none are: to be called from an answer's closure.
    public static func afterThis(_ ending: @escaping @Sendable () -> Void) {
        guard let current else { return ending() }
        current.endings.withLockedValue { $0.append(ending) }
    }

    /// Hands over the answers of one group: all the calls of their closures.
    public static func together(_ handOver: () -> Void) {
        let delivery = PGDelivery()
        $current.withValue(delivery, operation: handOver)
        for ending in delivery.endings.withLockedValue({ $0 }) { ending() }
    }
}
