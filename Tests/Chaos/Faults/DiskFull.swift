import Foundation
import PostgresCluster
import TestSupport

/// The disk of the database fills up under load, and is freed again.
enum DiskFull {
    /// Of the file system: a cluster takes some 40 MB, its log some 64.
    private static let volume = 384 << 20
    /// What is left free: the database still starts sessions, and a second of load uses it up.
    private static let rest = 1 << 20
    /// So many refusals in a row of rounds show that the disk is full, and not that a connection was lost.
    private static let refusals = 200

    static func play(_ options: Chaos) async throws -> [String] {
        let plan = Stage.Plan(settings: ["max_wal_size": "64MB", "min_wal_size": "32MB", "shared_buffers": "16MB"], volume: volume)
        return try await Stage.with(options, plan) { stage in
            let server = try stage.process.pid
            var rounds = Rounds(.diskFull, on: stage)
            rounds.serverLives = true
            var complaints = try await rounds.play(options.count(short: 1, long: 10)) { _, journal, _ in try await fill(stage, journal) }
            let now = try stage.process
            if !now.isRunning || now.pid != server { complaints.append("the server did not outlive the full disk") }
            complaints += try await Control.mustFail("a server that acknowledges what the full disk refused") { round in
                let (journal, check) = try await rounds.strike(1_000_000 + round) { _, journal, _ in try await fill(stage, journal) }
                guard check.isClean else { return [] }
                for identity in journal.sent.keys where !journal.acknowledged.contains(identity) { journal.believe(identity) }
                return try await Check(journal, on: stage).complaints
            }
            return complaints
        }
    }

    private static func fill(_ stage: Stage, _ journal: Journal) async throws {
        let data = stage.cluster.folder.appending(path: "data")
        try Volume.fill(data, leaving: rest)
        let before = journal.tally.later
        try await Waiting.until("refusals for want of space") { journal.tally.later >= before + refusals }
        journal.faultHappens()
        try Volume.free(data)
        // PostgreSQL may have given up where it could not even write its log: then its operator starts it again, as here.
        let cluster = stage.cluster
        try await Waiting.blocking {
            guard !cluster.answers() else { return }
            cluster.kill()
            try cluster.startServer()
        }
    }
}
