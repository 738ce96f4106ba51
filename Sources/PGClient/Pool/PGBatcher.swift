import NIOConcurrencyHelpers
import ServiceLifecycle

/// Groups requests that arrive while the previous group is in flight: one round trip, or one commit, for all of them.
///
/// The group forms by itself and needs no timer: with nobody else about a request goes out at once; the busier the database, the larger the
/// groups. A `Service`: `run()` does the work, and graceful shutdown first finishes what was submitted.
///
/// Its members are open to inlining: made for the types at hand they cost less than made for all types.
public final class PGBatcher<Request: Sendable, Answer: Sendable>: Service {
    /// Answers a group, one answer for each request in its order.
    public typealias Perform = @Sendable ([Request]) async -> [Result<Answer, any Error>]
    /// The same on one connection.
    public typealias PerformOnSession = @Sendable (any PGSession, [Request]) async -> [Result<Answer, any Error>]

    @usableFromInline
    struct Waiting: Sendable {
        @usableFromInline let request: Request
        @usableFromInline let weight: Int
        @usableFromInline let answer: @Sendable (Result<Answer, any Error>) -> Void

        @inlinable
        init(request: Request, weight: Int, answer: @escaping @Sendable (Result<Answer, any Error>) -> Void) {
            (self.request, self.weight, self.answer) = (request, weight, answer)
        }
    }

    @usableFromInline
    struct State: Sendable {
        @usableFromInline var waiting: [Waiting] = []
        @usableFromInline var weight = 0
        @usableFromInline var closed = false
        @usableFromInline var idleWorkers: [UnsafeContinuation<Void, Never>] = []

        @inlinable
        init() {}
    }

    /// Where groups are performed.
    @usableFromInline
    enum Work: Sendable {
        case anywhere(Perform, workers: Int)
        case onThreads(of: PGClient, PerformOnSession)
    }

    @usableFromInline let label: String
    @usableFromInline let maxBatch: Int
    @usableFromInline let maxQueued: Int
    @usableFromInline let work: Work
    @usableFromInline let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - maxBatch: weight of one group at most; a single request may weigh more.
    ///   - maxQueued: weight that may wait; more is refused at once.
    ///   - workers: groups in flight at once.
    @inlinable
    public convenience init(label: String, maxBatch: Int, maxQueued: Int, workers: Int = 1, perform: @escaping Perform) {
        precondition(workers >= 1, "a batcher needs a worker")
        self.init(label: label, maxBatch: maxBatch, maxQueued: maxQueued, .anywhere(perform, workers: workers))
    }

    /// One group at a time is performed, on the thread of a connection of the client's, so that no thread has to wake another on the way. The connection is
    /// kept from group to group until none waits, or somebody else waits for a connection.
    ///
    /// - Parameters:
    ///   - maxBatch: weight of one group at most; a single request may weigh more.
    ///   - maxQueued: weight that may wait; more is refused at once.
    @inlinable
    public convenience init(
        label: String, maxBatch: Int, maxQueued: Int, onThreadsOf client: PGClient, perform: @escaping PerformOnSession
    ) {
        self.init(label: label, maxBatch: maxBatch, maxQueued: maxQueued, .onThreads(of: client, perform))
    }

    @usableFromInline
    init(label: String, maxBatch: Int, maxQueued: Int, _ work: Work) {
        precondition(maxBatch >= 1 && maxQueued >= 1, "a batcher needs room for one")
        (self.label, self.maxBatch, self.maxQueued, self.work) = (label, maxBatch, maxQueued, work)
    }

    /// Waits for the answer to the request. `weight` is what it counts for in a group: the events of a chunk.
    ///
    /// Once submitted a request is carried out even if its caller is cancelled: others share its transaction.
    ///
    /// - Throws: what `perform` answered; `PGError` of kind poolFull when too much waits, notRunning after shutdown.
    @inlinable
    public func submit(_ request: Request, weight: Int = 1) async throws -> Answer {
        try Task.checkCancellation()
        return try await withUnsafeContinuation { continuation in
            submit(request, weight: weight) { continuation.resume(returning: $0) }
        }.get()
    }

    /// The same for a caller that is no task: `answer` is called once, on whichever thread, and must be brief.
    @inlinable
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

    @inlinable
    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                switch work {
                case .anywhere(let perform, let workers):
                    await withTaskGroup { group in
                        for _ in 0..<workers {
                            group.addTask { while let batch = await self.nextBatch() { await self.answer(batch, by: perform) } }
                        }
                    }
                case .onThreads(let client, let perform):
                    while let batch = await nextBatch() { await answer(from: batch, on: client, by: perform) }
                }
            } onCancel: {
                close()
            }
        } onGracefulShutdown: {
            self.close()
        }
    }

    @inlinable
    func close() {
        let idle = state.withLockedValue { state in
            state.closed = true
            defer { state.idleWorkers = [] }
            return state.idleWorkers
        }
        for worker in idle { worker.resume() }
    }

    /// Answers a group, and those that are waiting by then.
    @inlinable
    func answer(from first: [Waiting], on client: PGClient, by perform: PerformOnSession) async {
        var next = first
        while !next.isEmpty {
            let batch = next
            do throws(PGError) {
                next = try await client.lend { await self.answer(from: batch, on: $0, by: perform) }
            } catch {
                // There is no connection, so nothing was done with the group.
                handOver(batch, batch.map { _ in .failure(error) })
                return
            }
        }
    }

    /// - Returns: the group for which another connection is needed; an empty one where none is.
    @inlinable
    func answer(from first: [Waiting], on session: PGLentSession, by perform: PerformOnSession) async -> [Waiting] {
        var batch = first
        while !batch.isEmpty, await session.isAlive() {
            await answer(batch) { await perform(session, $0) }
            batch = session.isWantedElsewhere ? [] : state.withLockedValue { takeBatch(&$0) }
        }
        return batch
    }

    @inlinable
    func answer(_ batch: [Waiting], by perform: Perform) async {
        handOver(batch, await perform(batch.map { $0.request }))
    }

    @inlinable
    func handOver(_ batch: [Waiting], _ answers: [Result<Answer, any Error>]) {
        precondition(answers.count == batch.count, "\(label): one answer for each request")
        PGDelivery.together {
            for index in batch.indices { batch[index].answer(answers[index]) }
        }
    }

    /// The next group; nil when nothing more will come.
    @inlinable
    func nextBatch() async -> [Waiting]? {
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

    @inlinable
    func takeBatch(_ state: inout State) -> [Waiting] {
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
