import Foundation
import Logging
import PostgresCluster

/// What the same operations cost when the market has grown to ten times its events.
///
/// Two markets, each on a PostgreSQL of its own, are measured in turn: of two that were measured one after the other, one would have had the quieter
/// half hour. It takes an empty market and fills both; so it is no part of what runs by itself.
struct Growth {
    let ground: Ground
    let server: ServerProcess
    /// Of the small market.
    let events: Int
    let seconds: Int
    let runs: Int
    let logger: Logger

    private static let factor = 10
    /// Processor time of an operation, over that in the small market.
    private static let limit = 1.25
    /// Of the large market's server.
    private static let port = 28_083

    func findings() throws -> [any Finding] {
        let larger = try Ground.make(market: ground.market, name: "large", lendsHugePages: ground.hasHugePages, logger: logger)
        defer { larger.remove() }
        let second = try ServerProcess(larger, port: Self.port)
        defer { second.stop() }
        // What comes in pieces is as much for both, and so little that the small market stays small, yet enough for a clock that ticks every 10 ms.
        func market(_ ground: Ground, _ server: ServerProcess, _ events: Int, seed: Int) throws -> GrownMarket {
            try GrownMarket(
                ground: ground, server: server, events: events, last: self.events / 4, seed: seed, further: max(5_000, self.events / 50),
                runs: runs, seconds: seconds)
        }
        let small = try market(ground, server, events, seed: 1)
        let large = try market(larger, second, events * Self.factor, seed: 2)

        let fresh = row("import right after a checkpoint", small, large, (small.afterCheckpoint, large.afterCheckpoint), goals: [])
        say(fresh.text)
        say(large.memory.text)
        let measured = try compare(small, large, [.imports, .backfills]) + compare(small, large, [.entitlements, .checks, .payments])
        for market in [small, large] { try market.prove() }
        let audiences = try small.audiences.filled {
            try large.audiences.filled { try compare(small, large, [.csv, .ndjson]) }
        }
        return [fresh] + measured + audiences + [large.memory]
    }

    private func compare(_ small: GrownMarket, _ large: GrownMarket, _ operations: [GrownMarket.Operation]) throws -> [Row] {
        var figures = operations.map { _ in (small: [Figure](), large: [Figure]()) }
        for run in 1...runs {
            for (index, operation) in operations.enumerated() {
                try inTurn(
                    run,
                    [
                        { figures[index].small.append(try small.measure(operation, run: run)) },
                        { figures[index].large.append(try large.measure(operation, run: run)) },
                    ])
            }
        }
        let rows = zip(operations, figures).map { operation, figures in
            row(
                operation.rawValue, small, large, (.median(figures.small), .median(figures.large)),
                goals: [.init(measure: .cpu, limit: Self.limit)])
        }
        // A failure later must not take them along.
        for row in rows { say(row.text) }
        return rows
    }

    private func row(
        _ name: String, _ small: GrownMarket, _ large: GrownMarket, _ figures: (small: Figure, large: Figure), goals: [Row.Goal]
    ) -> Row {
        Row(
            operation: "\(name) at \(large.events) events", ours: figures.large, against: "at \(small.events)", theirs: figures.small,
            goals: goals)
    }
}
