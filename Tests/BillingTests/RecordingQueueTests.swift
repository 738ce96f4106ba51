import PGClient
import Synchronization
import TestSupport
import Testing

@testable import Billing

/// Which submissions go into one transaction, in which order, and what is answered when.
@Suite("What waits to be recorded", .timeLimit(.minutes(5)))
struct RecordingQueueTests {
    private static func submission(_ uid: String, _ trade: String, names payment: String? = nil, number: Int64 = 0) -> Submission {
        var message = BillingFixture.sample
        (message.uid, message.tradeNo, message.payTradeNo, message.amount) = (uid, trade, payment, number)
        return BillingFixture.submission(message)
    }

    private static func trades(_ batch: RecordingQueue.Batch) -> [String] { batch.submissions.map(\.message.tradeNo) }

    /// Adds submissions of which nobody waits for the answer.
    private static func add(_ submissions: [Submission], to queue: RecordingQueue) { queue.add(submissions) { _ in } }

    @Test("another batch goes beside the first when enough waits, but without what is of a subscriber or a number that is in flight")
    func second() async throws {
        let queue = RecordingQueue(maxBatch: 100, maxQueued: 1_000, worthRoundTrips: 2)
        Self.add([Self.submission("UID_a", "A-1")], to: queue)
        let first = try #require(await queue.next())
        Self.add(
            [
                Self.submission("UID_a", "A-2"), Self.submission("UID_b", "A-1"), Self.submission("UID_c", "C-1", names: "A-1"),
                // Behind what is held back itself.
                Self.submission("UID_b", "B-2"), Self.submission("UID_d", "A-2"), Self.submission("UID_e", "E-1", names: "C-1"),
                Self.submission("UID_f", "F-1"), Self.submission("UID_g", "G-1"),
            ], to: queue)
        let second = try #require(await queue.next())
        #expect(Self.trades(second) == ["F-1", "G-1"])
        queue.end(first, with: [.success(.recorded)])
        let third = try #require(await queue.next())
        #expect(Self.trades(third) == ["A-2", "A-1", "C-1", "B-2", "A-2", "E-1"])
    }

    @Test("one more batch is taken when it is worth its round trips, and not much smaller than those in flight")
    func worth() async throws {
        let queue = RecordingQueue(maxBatch: 100, maxQueued: 1_000, worthRoundTrips: 3)
        func add(_ numbers: Range<Int>) { Self.add(numbers.map { Self.submission("UID_\($0)", "T-\($0)") }, to: queue) }
        add(0..<20)
        let first = try #require(await queue.next())
        add(20..<29)
        async let next = queue.next()
        // Half of twenty is due; less waits for this one.
        add(29..<30)
        let second = try #require(await next)
        #expect(second.submissions.count == 10)
        queue.end(first, with: first.submissions.map { _ in .success(.recorded) })
        queue.end(second, with: second.submissions.map { _ in .success(.recorded) })
        add(30..<31)
        let third = try #require(await queue.next())
        #expect(third.submissions.count == 1, "with nothing in flight one is enough")
        add(31..<34)
        let fourth = try #require(await queue.next())
        #expect(fourth.submissions.count == 3)
    }

    @Test("of two batches that free different things, what waits for both waits for both")
    func both() async throws {
        let queue = RecordingQueue(maxBatch: 10, maxQueued: 1_000, worthRoundTrips: 1)
        Self.add([Self.submission("UID_a", "A-1")], to: queue)
        let first = try #require(await queue.next())
        Self.add([Self.submission("UID_b", "B-1")], to: queue)
        let second = try #require(await queue.next())
        Self.add([Self.submission("UID_a", "B-1")], to: queue)
        async let third = queue.next()
        queue.end(second, with: [.success(.recorded)])
        Self.add([Self.submission("UID_a", "LATER"), Self.submission("UID_c", "C-1")], to: queue)
        // The one worker that waits is given what is free, not what came first.
        let free = try #require(await third)
        #expect(Self.trades(free) == ["C-1"])
        queue.end(first, with: [.success(.recorded)])
        let fourth = try #require(await queue.next())
        #expect(Self.trades(fourth) == ["B-1", "LATER"])
    }

    @Test("a request of which parts went into two batches is answered when both have ended, in the order of its submissions")
    func parts() async throws {
        let queue = RecordingQueue(maxBatch: 2, maxQueued: 1_000, worthRoundTrips: 1)
        let answers = Mutex<[[RecordOutcome]]>([])
        queue.add((0..<4).map { Self.submission("UID_\($0)", "T-\($0)") }) { result in
            answers.withLock { $0.append((try? result.get()) ?? []) }
        }
        let first = try #require(await queue.next())
        let second = try #require(await queue.next())
        queue.end(second, with: [.success(.duplicate), .success(.recorded)])
        let early = answers.withLock { $0.count }
        #expect(early == 0)
        queue.end(first, with: [.success(.recorded), .success(.duplicate)])
        let all = answers.withLock { $0 }
        #expect(all == [[.recorded, .duplicate, .duplicate, .recorded]])
    }

    @Test("what is too much is refused at once, and so is all that comes after the end; what was taken in is recorded")
    func refusals() async throws {
        let queue = RecordingQueue(maxBatch: 10, maxQueued: 4, worthRoundTrips: 1)
        let refusals = Mutex<[PGError.Kind]>([])
        func add(_ trades: ClosedRange<Int>) {
            queue.add(trades.map { Self.submission("UID_\($0)", "T-\($0)") }) { result in
                if case .failure(let error as PGError) = result { refusals.withLock { $0.append(error.kind) } }
            }
        }
        // One request may be as large as it likes where nothing waits.
        add(1...6)
        add(7...7)
        queue.close()
        add(8...8)
        let all = refusals.withLock { $0 }
        #expect(all == [.poolFull, .notRunning])
        let batch = try #require(await queue.next())
        #expect(batch.submissions.count == 6)
        #expect(await queue.next() == nil)
    }

    @Test("a worker that waits is let go at the end, but not before what is held back has been recorded")
    func closing() async throws {
        let queue = RecordingQueue(maxBatch: 10, maxQueued: 100, worthRoundTrips: 1)
        Self.add([Self.submission("UID_a", "A-1")], to: queue)
        let first = try #require(await queue.next())
        Self.add([Self.submission("UID_a", "A-2")], to: queue)
        async let waiting = queue.next()
        async let alsoWaiting = queue.next()
        queue.close()
        queue.end(first, with: [.success(.recorded)])
        let batches = await [waiting, alsoWaiting].compactMap { $0 }
        #expect(batches.map(Self.trades) == [["A-2"]])
        queue.end(batches[0], with: [.success(.recorded)])
        #expect(await queue.next() == nil)
    }

    @Test("with many senders and several workers everything is recorded once, and in the order of arrival for each subscriber and number")
    func order() async throws {
        let seed = UInt64.random(in: .min ... .max)
        var random = SeededRandom(seed: seed)
        let queue = RecordingQueue(maxBatch: 20, maxQueued: 100_000, worthRoundTrips: 5)
        // Few of each, so that nearly all hang together, and one subscriber with more than half of it.
        let submissions = (Int64(0)..<1_000).map { number in
            Self.submission(
                Bool.random(using: &random) ? "UID_hot" : "UID_\(Int.random(in: 0..<40, using: &random))",
                "T-\(Int.random(in: 0..<60, using: &random))",
                names: Int.random(in: 0..<5, using: &random) == 0 ? "T-\(Int.random(in: 0..<60, using: &random))" : nil, number: number)
        }
        let requests = submissions.chunked(into: Int.random(in: 1...30, using: &random))
        let answered = Counter()
        let record = Record()
        await withTaskGroup { group in
            for _ in 0..<3 {
                group.addTask {
                    while let batch = await queue.next() {
                        record.begin(batch.submissions)
                        // The others' chance to do what they should not.
                        await Task.yield()
                        record.end(batch.submissions)
                        queue.end(batch, with: batch.submissions.map { _ in .success(.recorded) })
                    }
                }
            }
            for (number, request) in requests.enumerated() {
                queue.add(request) { _ in answered.increment() }
                // Now and then only: where other tests keep all threads busy a turn takes long.
                if number.isMultiple(of: 8) { await Task.yield() }
            }
            queue.close()
        }
        #expect(answered.value == requests.count, "seed \(seed)")
        #expect(record.mistakes.isEmpty, "seed \(seed)")
        #expect(record.numbers.sorted() == Array(0..<1_000), "seed \(seed)")
    }

    /// What was in hand at once, and in which order things were done.
    private final class Record: Sendable {
        private struct State {
            var mistakes: [String] = []
            var numbers: [Int64] = []
            var inHand: Set<String> = []
            var last: [String: Int64] = [:]
        }

        private let state = Mutex(State())

        var mistakes: [String] { state.withLock { $0.mistakes } }
        var numbers: [Int64] { state.withLock { $0.numbers } }

        private func things(_ message: OrderPay) -> [String] {
            ["u" + message.uid, "t" + message.tradeNo] + (message.payTradeNo.map { ["t" + $0] } ?? [])
        }

        func begin(_ submissions: [Submission]) {
            let all = Set(submissions.flatMap { things($0.message) })
            state.withLock { state in
                state.mistakes += state.inHand.intersection(all).map { "\($0) is in two batches" }
                state.inHand.formUnion(all)
                for message in submissions.map(\.message) {
                    state.numbers.append(message.amount)
                    for thing in things(message) {
                        if let last = state.last[thing], last > message.amount {
                            state.mistakes.append("\(message.amount) after \(last) of \(thing)")
                        }
                        state.last[thing] = message.amount
                    }
                }
            }
        }

        func end(_ submissions: [Submission]) {
            state.withLock { $0.inHand.subtract(submissions.flatMap { things($0.message) }) }
        }
    }
}
