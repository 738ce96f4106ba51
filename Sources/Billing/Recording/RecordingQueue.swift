import DequeModule
import PGClient
import Synchronization

/// Where submissions wait, and which of them go into one transaction.
///
/// What arrives while others are being recorded forms the next batch by itself (group commit): with nobody else about an event goes out at once, and the
/// busier the database, the larger the batches. Where enough waits, further batches are in flight beside the first; but whatever is of one subscriber, or
/// has to do with one trade number, is recorded in the order of arrival: it stays behind the batch in flight that has some of it.
final class RecordingQueue: Sendable {
    typealias Answer = @Sendable (Result<[RecordOutcome], any Error>) -> Void

    /// Some of one request's submissions, or all; the requests of a batch may be many.
    struct Batch {
        fileprivate let entries: [Entry]

        var submissions: [Submission] { entries.map(\.submission) }
    }

    fileprivate struct Entry {
        let submission: Submission
        let request: Int
        /// Among the request's submissions.
        let index: Int
        let weight: Int
        let keys: OrderKeys

        init(_ submission: Submission, request: Int, index: Int, keys: OrderKeys) {
            (self.submission, self.request, self.index, self.keys) = (submission, request, index, keys)
            weight = RecordingQueue.weight(of: submission)
        }
    }

    fileprivate struct Request {
        var results: [Result<RecordOutcome, any Error>?]
        var missing: Int
        let answer: Answer
    }

    /// One that waits; what it is told is whether it was called.
    fileprivate typealias Worker = UnsafeContinuation<Bool, Never>

    fileprivate struct State {
        var waiting = Deque<Entry>()
        var weight = 0
        var requests: [Int: Request] = [:]
        var nextRequest = 0
        /// The subscribers and trade numbers of the batches in flight.
        var taken = OrderKeys.Taken()
        var inFlight = 0
        var weightInFlight = 0
        /// Workers that were told that there is something to do and have not looked yet.
        var called = 0
        var idle: [Worker] = []
        /// Another look for one more batch is worth it when so much waits: the last one found too little that was free.
        var nextLook = 0
        var isClosed = false
    }

    private let maxBatch: Int
    private let maxQueued: Int
    private let worthRoundTrips: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - maxBatch: weight of one batch at most; a single submission may weigh more.
    ///   - maxQueued: weight that may wait; more is refused at once.
    ///   - worthRoundTrips: weight that a batch must have at least to be taken while others are in flight.
    init(maxBatch: Int, maxQueued: Int, worthRoundTrips: Int) {
        self.maxBatch = maxBatch
        self.maxQueued = maxQueued
        self.worthRoundTrips = worthRoundTrips
    }

    /// Takes submissions in; `answer` is called once, on whichever thread, and must be brief.
    ///
    /// What is taken in is recorded even if nobody waits for it any more: others share its transaction. Too much, or after the end, is refused at once.
    func add(_ submissions: [Submission], answer: @escaping Answer) {
        let weight = submissions.reduce(0) { $0 + Self.weight(of: $1) }
        // Outside of the lock, which everybody needs.
        let keys = submissions.map { OrderKeys($0.message) }
        let (refused, worker): (PGError?, Worker?) = state.withLock { state in
            if state.isClosed { return (PGError(.notRunning, "recording is shut down"), nil) }
            if state.weight + weight > maxQueued, !state.waiting.isEmpty {
                return (PGError(.poolFull, "recording: \(state.waiting.count) events wait already"), nil)
            }
            let request = state.nextRequest
            state.nextRequest += 1
            state.requests[request] = Request(
                results: Array(repeating: nil, count: submissions.count), missing: submissions.count, answer: answer)
            for index in submissions.indices {
                state.waiting.append(Entry(submissions[index], request: request, index: index, keys: keys[index]))
            }
            state.weight += weight
            return (nil, call(&state))
        }
        if let refused { answer(.failure(refused)) }
        worker?.resume(returning: true)
    }

    /// The next batch; nil when nothing more will come.
    func next() async -> Batch? {
        while true {
            let (batch, worker, isOver) = state.withLock { state in
                let batch = take(&state)
                return (batch, batch == nil ? nil : call(&state), state.isClosed && state.waiting.isEmpty)
            }
            worker?.resume(returning: true)
            if let batch { return batch }
            if isOver { return nil }
            let wasCalled = await withUnsafeContinuation { (continuation: Worker) in
                let goesOn = state.withLock { state in
                    if isWorthALook(state) || state.isClosed && state.waiting.isEmpty { return true }
                    state.idle.append(continuation)
                    return false
                }
                if goesOn { continuation.resume(returning: false) }
            }
            if wasCalled { state.withLock { $0.called -= 1 } }
        }
    }

    /// Ends a batch: answers the requests of which nothing is missing any more, together.
    func end(_ batch: Batch, with results: [Result<RecordOutcome, any Error>]) {
        precondition(results.count == batch.entries.count, "one result for each submission")
        let (answered, workers) = state.withLock { state in
            state.inFlight -= 1
            state.weightInFlight -= batch.entries.reduce(0) { $0 + $1.weight }
            state.nextLook = 0
            var answered: [Request] = []
            for (entry, result) in zip(batch.entries, results) {
                state.taken.remove(entry.keys)
                if let request = state.note(result, for: entry) { answered.append(request) }
            }
            // At the end all of them look whether it is theirs.
            guard state.isClosed else { return (answered, [Worker]()) }
            defer { state.idle = [] }
            return (answered, state.idle)
        }
        PGDelivery.together {
            for request in answered { request.answer(RecordingDesk.answer(of: request.results.compactMap { $0 })) }
        }
        for worker in workers { worker.resume(returning: false) }
    }

    /// Takes nothing more in; what waits is still recorded.
    func close() {
        let idle = state.withLock { state in
            state.isClosed = true
            defer { state.idle = [] }
            return state.idle
        }
        for worker in idle { worker.resume(returning: false) }
    }

    // MARK: - What goes together

    /// Weight from which one more batch is worth its round trips: not so few that these cost more than the events, nor much fewer than share those of the
    /// batches in flight, which end soon.
    private func worthAnother(_ state: State) -> Int {
        state.inFlight == 0 ? 1 : max(worthRoundTrips, state.weightInFlight / state.inFlight / 2)
    }

    private func isWorthALook(_ state: State) -> Bool {
        guard !state.waiting.isEmpty else { return false }
        return state.weight >= max(worthAnother(state), state.nextLook)
    }

    /// A worker to be woken, if there is something to do for one more than those that know.
    private func call(_ state: inout State) -> Worker? {
        guard state.called == 0, isWorthALook(state), let worker = state.idle.popLast() else { return nil }
        state.called += 1
        return worker
    }

    private func take(_ state: inout State) -> Batch? {
        guard isWorthALook(state) else { return nil }
        var entries: [Entry] = []
        var weight = 0
        var held: [Entry] = []
        var heldKeys = OrderKeys.Taken()
        var seen = 0
        for entry in state.waiting {
            if !entries.isEmpty, weight + entry.weight > maxBatch { break }
            // So far no further: a subscriber who is sent a flood of events must not make each look as long as the queue.
            if held.count > maxBatch { break }
            seen += 1
            if state.taken.isDisjoint(from: entry.keys), heldKeys.isDisjoint(from: entry.keys) {
                entries.append(entry)
                weight += entry.weight
            } else {
                heldKeys.insert(entry.keys)
                held.append(entry)
            }
        }
        guard weight >= worthAnother(state) else {
            state.nextLook = state.weight + worthAnother(state)
            return nil
        }
        for entry in entries { state.taken.insert(entry.keys) }
        state.waiting.removeFirst(seen)
        state.waiting.prepend(contentsOf: held)
        state.weight -= weight
        state.inFlight += 1
        state.weightInFlight += weight
        return Batch(entries: entries)
    }

    /// One, and as many as it has kilobytes where it is padded.
    fileprivate static func weight(of submission: Submission) -> Int { max(1, submission.body.count / 1_024) }
}

extension RecordingQueue.State {
    /// - Returns: the request when this was its last.
    fileprivate mutating func note(_ result: Result<RecordOutcome, any Error>, for entry: RecordingQueue.Entry) -> RecordingQueue.Request? {
        requests[entry.request]?.results[entry.index] = result
        requests[entry.request]?.missing -= 1
        guard requests[entry.request]?.missing == 0 else { return nil }
        return requests.removeValue(forKey: entry.request)
    }
}
