import Foundation

/// A whole history at once: by `market import`, and through the backfill route, against one payment per transaction.
struct Imports {
    let ground: Ground
    let server: ServerProcess
    let events: Int
    /// 0 imports without measuring: the history that the other measurements stand on.
    let runs: Int

    func rows() throws -> [Row] {
        var (imports, backfills, payments): ([Figure], [Figure], [Figure]) = ([], [], [])
        let singly = PaymentsOverHTTP(ground: ground, server: server, seconds: 5)
        for run in 1...max(runs, 1) {
            let history = try History(events: events, seed: run).file(of: ground)
            // What the last run recorded goes, but for the history that the other measurements stand on.
            imports.append(try measured(run) { try ground.importing(history) })
            if runs == 0 { break }
            try ground.clear()
            backfills.append(try measured(run) { try posting(history) })
            payments.append(try singly.theirs(run: 100 + run))
            try singly.clear()
            if run < runs { try ground.clear() }
        }
        guard runs > 0 else { return [] }
        let theirs = Figure.median(payments)
        return [
            Row(
                operation: "import of \(events) events as NDJSON", ours: .median(imports), against: "pgbench -c 64, the same rows",
                theirs: theirs, goals: [.init(measure: .rate, limit: 6)]),
            Row(
                operation: "the same through POST /v1/payment-events", ours: .median(backfills), against: "pgbench -c 64, the same rows",
                theirs: theirs, goals: [.init(measure: .rate, limit: 5)]),
        ]
    }

    private func measured(_ run: Int, _ work: () throws -> Double) throws -> Figure {
        let postgres = try ground.postgresTime()
        let start = ContinuousClock.now
        let client = try work()
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = try ground.postgresTime() - postgres
        let stored = try ground.storedOfHistories()
        guard stored == events else { throw BenchError("\(stored) of \(events) events are stored") }
        let figure = Figure(
            rate: Double(events) / seconds, cpu: (client + used) / Double(events) * 1e6, postgres: used / Double(events) * 1e6)
        say("    \(Int(figure.rate)) events/s")
        return figure
    }

    /// - Returns: processor seconds of the server.
    private func posting(_ history: String) throws -> Double {
        let before = try ProcessTime.of(server.pid)
        try server.post(history, of: ground)
        return try ProcessTime.of(server.pid) - before
    }
}
