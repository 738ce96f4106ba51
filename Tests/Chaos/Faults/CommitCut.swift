import TestSupport

/// The connection to PostgreSQL breaks at a COMMIT: before it, inside it, right behind it, and when its answer is under way.
enum CommitCut {
    static func play(_ options: Chaos) async throws -> [String] {
        let complaints = try await Stage.with(options, .init(isProxied: true)) { stage in
            guard let proxy = stage.proxy else { preconditionFailure("a proxied stage has a proxy") }
            let server = try stage.process.pid
            var rounds = Rounds(.commitCut, on: stage)
            rounds.answersBefore = 30...100
            rounds.serverLives = true
            var tallies: [Kind: Tally] = [:]
            var complaints = try await rounds.play(
                options.count(short: 20, long: 500),
                rule: { round, journal, left in tallies[Kind(of: round), default: Tally()].add(Kind(of: round), journal, left) },
                { round, journal, random in try await strike(Kind(of: round).cut(&random), proxy, journal) })
            let now = try stage.process
            if !now.isRunning || now.pid != server { complaints.append("the server did not outlive the cuts") }
            Report.say("     cut \(Kind.allCases.map { "\($0): \(tallies[$0] ?? Tally())" }.joined(separator: "; "))")
            for kind in Kind.allCases where tallies[kind]?.met(kind) != true {
                complaints.append("cut \(kind): nobody met it as somebody must")
            }
            return try await complaints + deafness(stage, proxy)
        }
        return try await complaints
            + ServerKill.lying(options, what: "a COMMIT that is acknowledged and dropped, then cut") { stage, _ in
                // The transactions that were called committed end with their connections.
                stage.proxy?.cutAll()
            }
    }

    private static func strike(_ cut: CommitProxy.Cut, _ proxy: CommitProxy, _ journal: Journal) async throws {
        let strikes = proxy.strikes
        proxy.arm(cut)
        try await Waiting.until("a COMMIT to be cut", within: .seconds(20)) { proxy.strikes > strikes }
        journal.faultHappens()
    }

    private enum Kind: CaseIterable {
        case before
        case inside
        case behind
        case answer

        init(of round: Int) { self = Self.allCases[round % Self.allCases.count] }

        func cut(_ random: inout SeededRandom) -> CommitProxy.Cut {
            switch self {
            case .before: .before
            case .inside: .inside(Double.random(in: 0..<1, using: &random))
            case .behind: .behind
            case .answer: .answer
            }
        }
    }

    /// What one kind of cut did. It hits one transaction, and nothing else refuses; so of callbacks that were refused, and that nobody sent again, all
    /// are of that transaction. (Not of lines: the thousand that are answered together may be of two.)
    private struct Tally: CustomStringConvertible {
        private var refusals = 0
        private var untold = 0
        private var refused = 0
        private var stored = 0

        var description: String { "\(stored) of \(refused) refused callbacks stored, \(untold) events untold" }

        /// - Returns: what must not be.
        mutating func add(_ kind: Kind, _ journal: Journal, _ left: Check) -> [String] {
            let refused = journal.refusedOnce
            let stored = refused.intersection(left.stored)
            refusals += journal.tally.later + journal.tally.brokenOff
            untold += journal.untold(left.stored)
            self.refused += refused.count
            self.stored += stored.count
            switch kind {
            case .before where !stored.isEmpty: return ["\(stored.count) stored of a batch whose COMMIT never was sent"]
            case .answer where stored.count < refused.count:
                return ["\(refused.count - stored.count) not stored of a batch whose COMMIT was answered"]
            default: return []
            }
        }

        /// Whether somebody was refused, and something stored that nobody was told of where that must be. Part of a COMMIT may or may not be one.
        func met(_ kind: Kind) -> Bool {
            switch kind {
            case .before, .inside: refusals > 0
            case .behind, .answer: refusals > 0 && untold > 0
            }
        }
    }

    /// The control of what a resend is told: a server that calls new what is stored.
    private static func deafness(_ stage: Stage, _ proxy: CommitProxy) async throws -> [String] {
        let rounds = Rounds(.commitCut, on: stage)
        return try await Control.mustFail("a server that calls new what it has stored") { round in
            let (journal, left) = try await rounds.strike(1_000_000 + round) { _, journal, _ in try await strike(.answer, proxy, journal) }
            return try await rounds.resend(journal, left: left) { $0 == .duplicate ? .recorded : $0 }
        }
    }
}
