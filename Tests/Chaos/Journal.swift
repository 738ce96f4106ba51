import Synchronization

/// What a round sent, and what it was told: kept by the sender, and the measure of what the database must hold.
final class Journal: Sendable {
    /// What an answer says of a message.
    enum Answer: Sendable, Equatable {
        case recorded
        case duplicate
        /// 503: nothing is said of it.
        case later
        /// The connection was refused, or lost before the answer.
        case none
        /// Anything else, which no fault excuses.
        case wrong(String)
    }

    private struct State {
        var sent: [Message.Identity: Message] = [:]
        var acknowledged: Set<Message.Identity> = []
        /// How often each was called new.
        var recorded: [Message.Identity: Int] = [:]
        var wrong: [String] = []
        var answers = 0
        var later = 0
        var lost = 0
        var fault: ContinuousClock.Instant?
        var recovered: Duration?
        var isOver = false
        var next = 0
    }

    let workload: Workload
    private let state = Mutex(State())

    init(_ workload: Workload) {
        self.workload = workload
    }

    /// The next message of the workload, noted as sent; nil when the round is over.
    func next() -> Message? {
        let number: Int? = state.withLock { state in
            guard !state.isOver else { return nil }
            defer { state.next += 1 }
            return state.next
        }
        guard let number else { return nil }
        let message = workload.message(number)
        state.withLock { $0.sent[message.identity] = message }
        return message
    }

    /// Notes an answer to a message that was sent at an instant.
    func note(_ answer: Answer, to message: Message, sentAt: ContinuousClock.Instant) {
        state.withLock { state in
            switch answer {
            case .recorded, .duplicate:
                state.answers += 1
                state.acknowledged.insert(message.identity)
                if answer == .recorded { state.recorded[message.identity, default: 0] += 1 }
                if let fault = state.fault, state.recovered == nil, sentAt > fault { state.recovered = .now - fault }
            case .later: state.later += 1
            case .none: state.lost += 1
            case .wrong(let what): state.wrong.append("\(message.identity): \(what)")
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
    var sent: [Message.Identity: Message] { state.withLock { $0.sent } }
    var acknowledged: Set<Message.Identity> { state.withLock { $0.acknowledged } }
    /// What was called new more than once.
    var recordedTwice: Int { state.withLock { $0.recorded.values.count { $0 > 1 } } }
    var wrong: [String] { state.withLock { $0.wrong } }
    /// Answers that acknowledged, repeats too.
    var answers: Int { state.withLock { $0.answers } }
    var later: Int { state.withLock { $0.later } }
    var unanswered: Int { state.withLock { $0.lost } }
    var recovered: Duration? { state.withLock { $0.recovered } }
}
