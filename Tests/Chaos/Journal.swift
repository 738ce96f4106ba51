import Synchronization

/// What a round sent, and what it was told: kept by the sender, and the measure of what the database must hold.
final class Journal: Sendable {
    fileprivate struct State {
        /// Messages that are to be recorded, as they were first sent.
        var sent: [Message.Identity: Sending] = [:]
        var timesSent: [Message.Identity: Int] = [:]
        /// Messages of a product that nobody knows, by their bytes: they are to be kept.
        var offered: [String: Sending] = [:]
        var acknowledged: Set<Message.Identity> = []
        var kept: [String: Int64] = [:]
        /// How often each was called new.
        var recorded: [Message.Identity: Int] = [:]
        var refused: Set<Message.Identity> = []
        var wrong: [String] = []
        var tally = Tally()
        var fault: ContinuousClock.Instant?
        var recovered: Duration?
        var isOver = false
        var next = 0
    }

    struct Tally: Sendable {
        /// Callbacks that were acknowledged, repeats too.
        var answers = 0
        /// Lines of backfills that were.
        var lines = 0
        var later = 0
        /// Requests without any answer.
        var unanswered = 0
        /// Of these, the ones that had been under way for longer than `underWay` when the fault struck.
        var deserted = 0
        /// Backfills whose answer broke off.
        var brokenOff = 0
    }

    /// A request that was sent so long before a signal has reached the server by then, however busy the machine is.
    fileprivate static let underWay: Duration = .milliseconds(100)

    let workload: Workload
    private let state = Mutex(State())

    init(_ workload: Workload) {
        self.workload = workload
    }

    /// The next messages of the workload, noted as sent; none when the round is over.
    func next(_ count: Int, by route: Sending.Route) -> [Sending] {
        let first: Int? = state.withLock { state in
            guard !state.isOver else { return nil }
            defer { state.next += count }
            return state.next
        }
        guard let first else { return [] }
        let sendings = (first..<first + count).map { Sending(message: workload.message($0), route: route) }
        send(sendings)
        return sendings
    }

    /// Notes that messages are sent, for the first time or again.
    func send(_ sendings: [Sending]) {
        state.withLock { state in
            for sending in sendings {
                guard sending.message.isKnown else {
                    state.offered[sending.body] = sending
                    continue
                }
                if state.sent[sending.identity] == nil { state.sent[sending.identity] = sending }
                state.timesSent[sending.identity, default: 0] += 1
            }
        }
    }

    /// Notes an answer to a message that was sent at an instant.
    func note(_ answer: Answer, to sending: Sending, sentAt: ContinuousClock.Instant) {
        state.withLock { state in
            switch answer {
            case .recorded, .duplicate:
                guard sending.message.isKnown else {
                    return state.wrong.append("\(sending.identity): recorded, though nobody knows its product")
                }
                state.acknowledged.insert(sending.identity)
                if answer == .recorded { state.recorded[sending.identity, default: 0] += 1 }
            case .kept(let number):
                guard !sending.message.isKnown else { return state.wrong.append("\(sending.identity): in quarantine as \(number)") }
                if let first = state.kept.updateValue(number, forKey: sending.body), first != number {
                    state.wrong.append("\(sending.identity): in quarantine as \(first), and again as \(number)")
                }
            case .later:
                state.tally.later += 1
                if sending.route == .callback { state.refused.insert(sending.identity) }
                return
            case .none: return state.miss(sentAt)
            case .wrong(let what): return state.wrong.append("\(sending.identity): \(what)")
            }
            if sending.route == .backfill {
                state.tally.lines += 1
                return
            }
            state.tally.answers += 1
            if let fault = state.fault, state.recovered == nil, sentAt > fault { state.recovered = .now - fault }
        }
    }

    /// Notes how a backfill ended whose lines have been noted one by one.
    func note(_ ending: Backfill.Ending, sentAt: ContinuousClock.Instant) {
        state.withLock { state in
            switch ending {
            case .whole: break
            case .later: state.tally.later += 1
            case .brokenOff:
                state.tally.brokenOff += 1
                if state.wasUnderWay(sentAt) { state.tally.deserted += 1 }
            case .unanswered: state.miss(sentAt)
            case .wrong(let what): state.wrong.append("backfill: \(what)")
            }
        }
    }

    /// Notes that a fault happens now; how long until what is sent after it is acknowledged is `recovered`.
    func faultHappens() {
        state.withLock { state in
            state.fault = .now
            state.recovered = nil
        }
    }

    /// Ends the senders.
    func end() { state.withLock { $0.isOver = true } }

    /// Takes refused messages for acknowledged ones: what a server would do that answers before it commits. For controls.
    func believe(_ identity: Message.Identity) { state.withLock { _ = $0.acknowledged.insert(identity) } }

    var isOver: Bool { state.withLock { $0.isOver } }
    var sent: [Message.Identity: Sending] { state.withLock { $0.sent } }
    var offered: [String: Sending] { state.withLock { $0.offered } }
    var acknowledged: Set<Message.Identity> { state.withLock { $0.acknowledged } }
    var kept: [String: Int64] { state.withLock { $0.kept } }
    var wrong: [String] { state.withLock { $0.wrong } }
    var tally: Tally { state.withLock { $0.tally } }
    var recovered: Duration? { state.withLock { $0.recovered } }

    /// What was sent and neither acknowledged nor known to be kept.
    var unacknowledged: [Sending] {
        state.withLock { state in
            state.sent.values.filter { !state.acknowledged.contains($0.identity) }
                + state.offered.values.filter { state.kept[$0.body] == nil }
        }
    }

    /// What was called new more than once.
    var recordedTwice: Int { state.withLock { $0.recorded.values.count { $0 > 1 } } }

    /// What is stored though no answer has called it new so far.
    func untold(_ stored: Set<Message.Identity>) -> Int { state.withLock { state in stored.count { state.recorded[$0] == nil } } }

    /// Callbacks that were sent once and answered 503: what the fault itself made of them is what is stored of them.
    var refusedOnce: Set<Message.Identity> {
        state.withLock { state in state.refused.filter { state.timesSent[$0] == 1 && !state.acknowledged.contains($0) } }
    }
}

extension Journal.State {
    fileprivate func wasUnderWay(_ sentAt: ContinuousClock.Instant) -> Bool {
        guard let fault else { return false }
        return sentAt + Journal.underWay < fault
    }

    fileprivate mutating func miss(_ sentAt: ContinuousClock.Instant) {
        tally.unanswered += 1
        if wasUnderWay(sentAt) { tally.deserted += 1 }
    }
}
