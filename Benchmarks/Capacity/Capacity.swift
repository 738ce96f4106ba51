import Foundation

/// What machines carry, computed from what operations cost; docs/CAPACITY.md explains the model. The same model is asked what this machine does under
/// loads that it has not seen, and then that is measured.
struct Capacity {
    let ground: Ground
    let server: ServerProcess
    /// As the import left it.
    let imported: Storage
    let seconds: Int
    let runs: Int

    /// Of the second server process; the first has another.
    private static let port = 28_082

    func findings() throws -> [any Finding] {
        let subscribers = try Subscribers(of: ground)
        let lookups = Lookups(ground: ground, server: server, subscribers: subscribers, seconds: seconds)
        let bulk = try BulkChecks(ground: ground, server: server, subscribers: subscribers, seconds: seconds)
        let audiences = try Audiences(ground: ground, runs: 1)
        try lookups.prove()
        try bulk.prove()

        let (pay, paySharing, before, after) = try payments()
        let ask = try Experiment(
            few: 32, more: 128, heavy: .init(name: "entitlements at 256 connections", connections: 256), concurrency: .unlimited
        )
        .prediction(runs: runs) { try lookups.entitlements(connections: $0) }
        let check = try Experiment(
            few: 1, more: 2, heavy: .init(name: "checks (uids) by 8 callers", connections: 8), concurrency: .unlimited
        ).prediction(runs: runs) { try bulk.check(connections: $0) }
        let mixed = try Mixture(
            payments: PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds), lookups: lookups, bulk: bulk
        ).prediction(runs: runs)
        // A reader is a program of its own.
        let read = try audiences.filled {
            try Experiment(
                few: 1, more: 2, heavy: .init(name: "audience members by 4 readers, CSV", connections: 4), concurrency: .unlimited,
                generators: { $0 }
            ).prediction(runs: runs) { try audiences.read(.csv, of: server, readers: $0) }
        }

        say(
            "capacity from these costs, at \(Int(Machines.planned * 100)) % of the processors; a payment is one event of one resource")
        show("payments/s by one process, 256 connections", pay, connections: 256, .recording)
        show("payments/s by several, 128 connections to each", paySharing, connections: 128, .recording)
        show("entitlements/s", ask, connections: 256)
        show("checks/s (uids)", check, connections: 8)
        show("audience members/s", read, connections: 4)
        imported.showYears(payments: (before, after))
        return [pay, paySharing, ask, check, mixed, read].map(\.bound) + [imported.check(growthFrom: before, to: after)]
    }

    /// By one server process, and by two on the same PostgreSQL, which are paid by the same subscribers.
    private func payments() throws -> (alone: Prediction, sharing: Prediction, before: Storage, after: Storage) {
        let second = try ServerProcess(ground, port: Self.port)
        defer { second.stop() }
        func prediction(by servers: [ServerProcess], _ load: Experiment.Heavy, few: Int, more: Int) throws -> Prediction {
            try Experiment(few: few, more: more, processes: servers.count, heavy: load, concurrency: .recording).prediction(runs: runs) {
                try PaymentsOverHTTP(ground: ground, servers: servers, seconds: seconds).ours(connections: $0 * servers.count)
            }
        }
        try PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds).prefillOurs()
        try ground.settle()
        let before = try Storage(ground)
        let alone = try prediction(by: [server], .init(name: "payments at 256 connections", connections: 256), few: 32, more: 128)
        let sharing = try prediction(
            by: [server, second], .init(name: "payments by two processes, 128 connections each", connections: 128), few: 16, more: 64)
        try ground.settle()
        return (alone, sharing, before, try Storage(ground))
    }

    private func show(_ name: String, _ prediction: Prediction, connections: Int, _ concurrency: Concurrency = .unlimited) {
        let demand = Demand(prediction.measured)
        let machines = Machines(connections: connections, concurrency: concurrency)
        say("  \(name): \(two(demand.server)) µs CPU of the server, \(two(demand.postgres)) of PostgreSQL")
        let single = [2, 4, 8, 16, 32].map { "\($0): \(Int(machines.alone(demand, cores: $0)))" }
        say("    one machine with both, by cores: \(single.joined(separator: ", "))")
        let several = [1, 2, 4, 8].map { "\($0): \(Int(machines.several(demand, servers: $0, cores: 8)))" }
        say("    servers of 8 cores before one PostgreSQL of 8, by their number: \(several.joined(separator: ", "))")
    }
}
