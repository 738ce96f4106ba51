import TestSupport

/// The connection to PostgreSQL breaks at a COMMIT: before it, inside it, right behind it, and when its answer is under way.
enum CommitCut {
    static func play(_ options: Chaos) async throws -> [String] {
        let complaints = try await Stage.with(options, .init(isProxied: true)) { stage in
            guard let proxy = stage.proxy else { preconditionFailure("a proxied stage has a proxy") }
            let server = try stage.process.pid
            var rounds = Rounds(.commitCut, on: stage)
            rounds.answersBefore = 30...100
            let count = options.count(short: 20, long: 500)
            var complaints = try await rounds.play(count) { round, journal, random in
                let cuts: [CommitProxy.Cut] = [.before, .inside(Double.random(in: 0..<1, using: &random)), .behind, .answer]
                let strikes = proxy.strikes
                proxy.arm(cuts[round % cuts.count])
                try await Waiting.until("a COMMIT to be cut", within: .seconds(20)) { proxy.strikes > strikes }
                journal.faultHappens()
            }
            // A cut behind COMMIT that never left anything stored hit nothing.
            if complaints.isEmpty, rounds.report.storedUntold == 0 {
                complaints.append("no cut left anything stored that nobody was told of")
            }
            let now = try stage.process
            if !now.isRunning || now.pid != server { complaints.append("the server did not outlive the cuts") }
            return complaints
        }
        return try await complaints
            + ServerKill.lying(options, what: "a COMMIT that is acknowledged and dropped, then cut") { stage, _ in
                // The transactions that were called committed end with their connections.
                stage.proxy?.cutAll()
            }
    }
}
