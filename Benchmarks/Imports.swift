import Foundation

/// A whole history at once: by `market import`, and through the backfill route, against one payment per transaction.
struct Imports {
    let ground: Ground
    let server: ServerProcess
    let events: Int
    let runs: Int
    let seconds: Int

    /// Leaves one history in the market, without measuring.
    ///
    /// - Returns: what it takes on disk.
    func history() throws -> Storage {
        _ = try recording(1) { try ground.importing($0) }
        try ground.settle()
        return try Storage(ground)
    }

    /// Leaves one history in the market, and says also what it takes on disk.
    func rows() throws -> ([any Finding], Storage) {
        var stored: Storage?
        var (imports, backfills, payments): ([Figure], [Figure], [Figure]) = ([], [], [])
        let singly = PaymentsOverHTTP(ground: ground, servers: [server], seconds: seconds)
        for run in 1...runs {
            try inTurn(
                run,
                [
                    {
                        imports.append(try recording(run) { try ground.importing($0) })
                        try ground.settle()
                        stored = try Storage(ground)
                    },
                    { backfills.append(try recording(run, by: server) { try server.post($0, of: ground) }) },
                    // On top of the history that the last one of the others has left.
                    { payments.append(try tidied(by: singly.clear) { try singly.theirs(by: .socket) }) },
                ])
        }
        guard let stored else { preconditionFailure("every run imports") }
        let theirs = Figure.median(payments)
        let rows = [
            Row(
                operation: "import of \(events) events as NDJSON", ours: .median(imports), against: "pgbench -c 64, the same rows",
                theirs: theirs, goals: [.init(measure: .rate, limit: 6)]),
            Row(
                operation: "the same through POST /v1/payment-events", ours: .median(backfills), against: "pgbench -c 64, the same rows",
                theirs: theirs, goals: [.init(measure: .rate, limit: 5)]),
        ]
        return (rows, stored)
    }

    private func recording(_ run: Int, by server: ServerProcess, _ work: (String) throws -> Void) throws -> Figure {
        try recording(run) { history in
            let before = try ProcessTime.of(server.pid)
            try work(history)
            return try ProcessTime.of(server.pid) - before
        }
    }

    /// Into an empty market, and proved right afterwards.
    ///
    /// - Parameter work: returns the processor seconds of the program that did it.
    private func recording(_ run: Int, _ work: (String) throws -> Double) throws -> Figure {
        let history = try History(events: events, seed: run).file(of: ground)
        defer { unlink(history) }
        try ground.clear()
        try ground.settleEmpty()
        let watch = try Stopwatch(ground)
        let own = try work(history)
        let figure = try watch.figure(operations: events, own: own)
        let stored = try ground.storedOfHistories()
        guard stored == events else { throw BenchError("\(stored) of \(events) events are stored") }
        try ground.prove()
        say("    recorded \(Int(figure.rate)) events/s, and verified")
        return figure
    }
}
