import Foundation
import PGClient
import PostgresCluster
import TestSupport

/// PostgreSQL goes away under the server: all of its processes killed, one backend killed, an orderly restart. The server is left alone.
enum DatabaseKill {
    /// SIGKILL of every process at once, as when the machine's memory runs out.
    static func playKill(_ options: Chaos) async throws -> [String] {
        try await play(.databaseKill, options, short: 10) { stage, journal, _ in
            try await outage(stage, journal) { try killAll(stage.cluster) }
        }
            + refusal(options)
            + unsafe(options, .databaseKill, "all of PostgreSQL killed") { stage, journal, _ in
                try await outage(stage, journal) { try killAll(stage.cluster) }
            }
    }

    /// SIGKILL of one of the server's backends: PostgreSQL ends all others, and recovers by itself.
    static func playBackend(_ options: Chaos) async throws -> [String] {
        try await play(.backendKill, options, short: 5, killBackend) + unsafe(options, .backendKill, "one backend killed", killBackend)
    }

    private static func killBackend(_ stage: Stage, _ journal: Journal, _ random: inout SeededRandom) async throws {
        let backends = try await stage.owning { client in
            try await client.run(SQL("select pid from pg_stat_activity where usename = 'market_app' order by pid").values(Int32.self))
        }
        guard let victim = backends.randomElement(using: &random) else { throw ChaosError("the server has no session") }
        let before = journal.tally.later
        journal.faultHappens()
        guard kill(victim, SIGKILL) == 0 else { throw ChaosError("backend \(victim) had ended by itself before it was killed") }
        try await Waiting.until("the end of backend \(victim)", within: .seconds(10)) { kill(victim, 0) != 0 && errno == ESRCH }
        // All sessions are ended with it, so whatever was under way is refused.
        try await Waiting.until("a 503 while the database recovers", within: .seconds(20)) { journal.tally.later > before }
    }

    /// A fast shutdown, and a start. It writes down all that is committed, so its control is a COMMIT that never reaches it.
    static func playRestart(_ options: Chaos) async throws -> [String] {
        let restart: Strike = { stage, journal, _ in try await outage(stage, journal) { stage.cluster.stop(.fast) } }
        return try await play(.databaseRestart, options, short: 5, restart)
            + ServerKill.lying(options, what: "a server that acknowledges before the commit, its database restarted") { stage, journal in
                try await outage(stage, journal) { stage.cluster.stop(.fast) }
            }
    }

    private typealias Strike = (Stage, Journal, inout SeededRandom) async throws -> Void

    private static func play(
        _ fault: Fault, _ options: Chaos, short: Int, _ strike: Strike
    ) async throws -> [String] {
        try await Stage.with(options) { stage in
            let server = try stage.process.pid
            var rounds = Rounds(fault, on: stage)
            rounds.serverLives = true
            var complaints = try await rounds.play(options.count(short: short, long: short * 30)) { _, journal, random in
                try await strike(stage, journal, &random)
            }
            let now = try stage.process
            if !now.isRunning || now.pid != server { complaints.append("the server did not outlive its database") }
            return complaints
        }
    }

    /// Takes the database away until somebody was told "later", and brings it back.
    private static func outage(_ stage: Stage, _ journal: Journal, _ stop: @escaping @Sendable () throws -> Void) async throws {
        journal.faultHappens()
        try await Waiting.blocking(stop)
        let before = journal.tally.later
        try await Waiting.until("a 503 while the database is away", within: .seconds(20)) { journal.tally.later > before }
        let cluster = stage.cluster
        try await Waiting.blocking { try cluster.startServer() }
    }

    /// The postmaster first, which would start a recovery otherwise; then what it leaves behind before that can put anything in order.
    static func killAll(_ cluster: PrivateCluster) throws {
        guard let postmaster = cluster.postmasterPID else { throw ChaosError("PostgreSQL does not run") }
        let children = try self.children(of: postmaster)
        for pid in [postmaster] + children { kill(pid, SIGKILL) }
        cluster.kill()
    }

    private static func children(of parent: Int32) throws -> [Int32] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter { pid in
            // A process may end while it is looked at.
            guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
            // "pid (name) state parent …": a name may hold spaces and brackets.
            let fields = (status.split(separator: ")").last ?? "").split(separator: " ")
            return fields.count >= 2 && Int32(fields[1]) == parent
        }
    }

    /// The control: without synchronous_commit what is acknowledged is in the memory of processes that are killed, for as long as the writer of the
    /// log sleeps.
    private static let unsafePlan = Stage.Plan(settings: ["synchronous_commit": "off", "wal_writer_delay": "10s"])

    private static func unsafe(_ options: Chaos, _ fault: Fault, _ what: String, _ strike: Strike) async throws -> [String] {
        var plan = unsafePlan
        plan.allowsUnsafe = true
        return try await Stage.with(options, plan) { stage in
            try await Control.mustFail("synchronous_commit off, \(what)") { round in
                let rounds = Rounds(fault, on: stage)
                return try await rounds.strike(round) { _, journal, random in try await strike(stage, journal, &random) }.1.complaints
            }
        }
    }

    /// The same database, without the flag: the server must not start.
    private static func refusal(_ options: Chaos) async throws -> [String] {
        var plan = unsafePlan
        plan.isRefused = true
        do {
            try await Stage.with(options, plan) { _ in }
        } catch let error as ChaosError where error.description.hasPrefix(Stage.endedByItself) {
            Report.say("ok   the server refuses to start with synchronous_commit off")
            return []
        }
        return ["the server started with synchronous_commit off"]
    }
}
