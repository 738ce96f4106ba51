/// Callbacks over many connections, each sending its next when the one before was answered.
enum Load {
    static let connections = 64
    /// After a refusal: a sender that does not wait would have the machine to itself while the server comes back.
    private static let pause: Duration = .milliseconds(100)
    /// How long what was not acknowledged is sent again before the server counts as not recovered.
    private static let patience: Duration = .seconds(30)

    /// Sends the journal's workload while the body runs; returns when all senders have ended.
    static func run(_ journal: Journal, on stage: Stage, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    while let message = journal.next() {
                        let sentAt = ContinuousClock.now
                        let answer = await stage.post(message)
                        journal.note(answer, to: message, sentAt: sentAt)
                        if answer == .later || answer == .none { try await Task.sleep(for: pause) }
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

    /// Waits until so many were acknowledged.
    static func reach(_ answers: Int, in journal: Journal) async throws {
        try await Waiting.until("\(answers) acknowledgements") { journal.answers >= answers }
    }

    /// Sends messages until each is acknowledged. What was stored before must be called a duplicate.
    ///
    /// - Returns: what was answered wrongly.
    static func resend(_ messages: [Message], stored: Set<Message.Identity>, _ journal: Journal, on stage: Stage) async throws -> [String] {
        let wrong = Shared<[String]>([])
        let rest = Shared(messages[...])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    while let message = rest.withLock({ $0.popFirst() }) {
                        let began = ContinuousClock.now
                        while true {
                            let sentAt = ContinuousClock.now
                            let answer = await stage.post(message)
                            journal.note(answer, to: message, sentAt: sentAt)
                            if answer == .recorded, stored.contains(message.identity) {
                                wrong.withLock { $0.append("\(message.identity): stored, and called new when it was sent again") }
                            }
                            guard answer == .later || answer == .none else { break }
                            guard ContinuousClock.now - began < patience else {
                                throw ChaosError("not acknowledged in \(patience): \(message.data)")
                            }
                            try await Task.sleep(for: pause)
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        return wrong.withLock { $0 }
    }
}
