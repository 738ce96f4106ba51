/// Callbacks over many connections, each sending its next when the one before was answered; and backfills beside them.
enum Load {
    /// Senders of callbacks.
    static let connections = 64
    /// Senders of backfills.
    static let backfills = 2
    /// Lines of a backfill: more than the thousand that the server takes at most into one transaction, so that it is answered in parts.
    private static let lines = 1_200
    /// After a refusal: a sender that does not wait would have the machine to itself while the server comes back.
    private static let pause: Duration = .milliseconds(250)
    /// How long what was not acknowledged is sent again before the server counts as not recovered.
    private static let patience: Duration = .seconds(30)

    /// Sends the journal's workload while the body runs; returns when all senders have ended.
    static func run(_ journal: Journal, on stage: Stage, backfills: Int = backfills, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    while let sending = journal.next(1, by: .callback).first {
                        var answer = await post(sending, journal, on: stage)
                        // Nobody was there: the same again. What was refused is left to the end of the round, which looks at what became of it.
                        while answer == .none, !journal.isOver {
                            try await Task.sleep(for: pause)
                            journal.send([sending])
                            answer = await post(sending, journal, on: stage)
                        }
                        if answer == .later { try await Task.sleep(for: pause) }
                    }
                }
            }
            for _ in 0..<backfills {
                group.addTask {
                    while true {
                        let lines = journal.next(lines, by: .backfill)
                        if lines.isEmpty { return }
                        // An upload that broke off is sent again, all of it.
                        while await backfill(lines, journal, on: stage) != .whole, !journal.isOver {
                            try await Task.sleep(for: pause)
                            journal.send(lines)
                        }
                    }
                }
            }
            do {
                try await body()
            } catch {
                journal.end()
                throw error
            }
            journal.end()
            try await group.waitForAll()
        }
    }

    private static func post(_ sending: Sending, _ journal: Journal, on stage: Stage) async -> Answer {
        let sentAt = ContinuousClock.now
        let answer = await stage.post(sending.message)
        journal.note(answer, to: sending, sentAt: sentAt)
        return answer
    }

    private static func backfill(
        _ lines: [Sending], _ journal: Journal, on stage: Stage, _ hear: (Sending, Answer) -> Void = { _, _ in }
    ) async -> Backfill.Ending {
        let sentAt = ContinuousClock.now
        let ending = await Backfill.send(lines, on: stage) { sending, answer in
            journal.note(answer, to: sending, sentAt: sentAt)
            hear(sending, answer)
        }
        journal.note(ending, sentAt: sentAt)
        return ending
    }

    /// Waits until so many callbacks were acknowledged.
    static func reach(_ answers: Int, in journal: Journal) async throws {
        try await Waiting.until("\(answers) acknowledgements") { journal.tally.answers >= answers }
    }

    /// Sends messages, each by its route, until each is acknowledged. What was stored before must be called a duplicate, and what was kept must
    /// be kept under the same number.
    ///
    /// - Parameter understanding: what is made of an answer: for a control, which misunderstands.
    /// - Returns: what was answered wrongly.
    static func resend(
        _ sendings: [Sending], left: Check, _ journal: Journal, on stage: Stage,
        understanding: @escaping @Sendable (Answer) -> Answer = { $0 }
    ) async throws -> [String] {
        let wrong = Shared<[String]>([])
        let judge: @Sendable (Sending, Answer) -> Void = { sending, answer in
            if let complaint = complaint(of: understanding(answer), to: sending, left) { wrong.withLock { $0.append(complaint) } }
        }
        let callbacks = Shared(sendings.filter { $0.route == .callback }[...])
        let lines = sendings.filter { $0.route == .backfill }
        journal.send(sendings)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    while let sending = callbacks.withLock({ $0.popFirst() }) {
                        try await persist("\(sending.identity)") {
                            let answer = await post(sending, journal, on: stage)
                            judge(sending, answer)
                            return answer != .later && answer != .none
                        }
                    }
                }
            }
            if !lines.isEmpty {
                group.addTask {
                    // What is answered before it breaks off is there when it is sent again, so only the first answer is judged.
                    let judged = Shared<Set<Sending>>([])
                    try await persist("a backfill of \(lines.count) lines") {
                        await backfill(lines, journal, on: stage) { sending, answer in
                            if judged.withLock({ $0.insert(sending).inserted }) { judge(sending, answer) }
                        } == .whole
                    }
                }
            }
            try await group.waitForAll()
        }
        return wrong.withLock { $0 }
    }

    private static func persist(_ what: String, _ isDone: () async -> Bool) async throws {
        let began = ContinuousClock.now
        while await !isDone() {
            guard ContinuousClock.now - began < patience else { throw ChaosError("not acknowledged in \(patience): \(what)") }
            try await Task.sleep(for: pause)
        }
    }

    private static func complaint(of answer: Answer, to sending: Sending, _ left: Check) -> String? {
        switch answer {
        case .recorded where left.stored.contains(sending.identity): "\(sending.identity): stored, and called new when it was sent again"
        case .kept(let number):
            left.kept[sending.body].flatMap { $0 == number ? nil : "\(sending.identity): kept as \($0), and again as \(number)" }
        default: nil
        }
    }
}
