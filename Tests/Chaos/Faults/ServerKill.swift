import Glibc

/// SIGKILL of the server in the middle of its work, and another start.
enum ServerKill {
    static func play(_ options: Chaos) async throws -> [String] {
        let complaints = try await Stage.with(options) { stage in
            var rounds = Rounds(.serverKill, on: stage)
            var complaints = try await rounds.play(options.count(short: 10, long: 300)) { _, journal, _ in
                try await kill(stage, journal)
            }
            guard let last = rounds.last, complaints.isEmpty else { return complaints }
            complaints += try await Tampering.windows(of: last, on: stage)
            complaints += try await Tampering.strayRow(on: stage)
            return complaints
        }
        return try await complaints
            + lying(options, what: "a server that acknowledges before the commit, killed") { stage, journal in
                try await kill(stage, journal)
            }
    }

    static func kill(_ stage: Stage, _ journal: Journal) async throws {
        journal.faultHappens()
        try stage.process.signal(SIGKILL)
        let status = try await stage.process.ended(within: .seconds(10))
        guard status == -SIGKILL else { throw ChaosError("the server had ended by itself before it was killed: status \(status)") }
        try await stage.startServer()
    }

    /// The same rounds with a proxy that answers COMMIT by itself and keeps it: what is acknowledged is in no database. Without backfills, which are
    /// recorded over two connections: of two transactions that never end one would wait for the rows of the other.
    static func lying(_ options: Chaos, what: String, _ fault: (Stage, Journal) async throws -> Void) async throws -> [String] {
        try await Stage.with(options, .init(isProxied: true)) { stage in
            guard let proxy = stage.proxy else { preconditionFailure("a proxied stage has a proxy") }
            proxy.lie()
            return try await Control.mustFail(what) { round in
                let journal = Journal(Workload(seed: options.number, round: round))
                try await Load.run(journal, on: stage, backfills: 0) {
                    try await Load.reach(64, in: journal)
                    try await fault(stage, journal)
                }
                return try await Check(journal, on: stage).complaints
            }
        }
    }
}
