import Glibc

/// SIGTERM in the middle of the load, with callers who do not go: the server ends by itself, in time, and nothing that it acknowledged is lost.
enum Termination {
    /// How long a server may take to end.
    private static let limit: Duration = .seconds(10)

    static func play(_ options: Chaos) async throws -> [String] {
        let complaints = try await Stage.with(options) { stage in
            try await Lingering.makeAudience(on: stage)
            var rounds = Rounds(.termination, on: stage)
            // What is under way is brought to its end; the one backfill that is open for ever is none of the load's.
            rounds.breaksBackfills = false
            var slowest: Duration = .zero
            var complaints = try await rounds.play(
                options.count(short: 3, long: 50),
                rule: { _, journal, _ in
                    let deserted = journal.tally.deserted
                    return deserted == 0 ? [] : ["\(deserted) requests that were under way at the signal were not answered"]
                },
                { _, journal, _ in
                    let lingering = try await Lingering(journal, on: stage)
                    journal.faultHappens()
                    let began = ContinuousClock.now
                    let status = try await terminate(stage, within: limit)
                    slowest = max(slowest, ContinuousClock.now - began)
                    guard status == 0 else { throw ChaosError("the server ended with status \(status) after SIGTERM") }
                    try await lingering.settle(journal)
                    try await stage.startServer()
                })
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
