import Glibc

/// SIGTERM in the middle of the load: the server ends by itself, in time, and nothing that it acknowledged is lost.
enum Termination {
    /// How long a server may take to end.
    private static let limit: Duration = .seconds(10)

    static func play(_ options: Chaos) async throws -> [String] {
        let complaints = try await Stage.with(options) { stage in
            var rounds = Rounds(.termination, on: stage)
            var slowest: Duration = .zero
            var complaints = try await rounds.play(options.count(short: 3, long: 50)) { _, journal, _ in
                journal.faultHappens()
                let began = ContinuousClock.now
                let status = try await terminate(stage, within: limit)
                slowest = max(slowest, ContinuousClock.now - began)
                guard status == 0 else { throw ChaosError("the server ended with status \(status) after SIGTERM") }
                try await stage.startServer()
            }
            Report.say("     the slowest ended after \(slowest.inSeconds) s")
            complaints += try await Control.mustFail("a server that does not end") { _ in
                try stage.process.signal(SIGSTOP)
                do {
                    _ = try await terminate(stage, within: .seconds(1))
                    return []
                } catch let error as ChaosError {
                    return [error.description]
                }
            }
            return complaints
        }
        return try await complaints
            + ServerKill.lying(options, what: "a server that acknowledges before the commit, terminated") { stage, _ in
                _ = try await terminate(stage, within: .seconds(40))
                try await stage.startServer()
            }
    }

    private static func terminate(_ stage: Stage, within limit: Duration) async throws -> Int32 {
        let process = try stage.process
        process.signal(SIGTERM)
        return try await process.ended(within: limit)
    }
}
