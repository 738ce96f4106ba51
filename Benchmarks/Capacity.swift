import Foundation

/// What machines carry, computed from what operations cost; docs/CAPACITY.md explains the model. The same model is asked what this machine does under
/// loads that it has not seen, and then that is measured.
struct Capacity {
    let ground: Ground
    let server: ServerProcess
    let seconds: Int
    let runs: Int

    /// The prediction is made from two loads, which are these parts of the heavy one.
    private static let seen = (16, 4)
    /// A prediction may be off by so much of what is measured, in per cent.
    private static let limit = 20.0

    func findings() throws -> [any Finding] {
        let subscribers = try Subscribers(of: ground)
        let lookups = Lookups(ground: ground, server: server, seconds: seconds, runs: 1)
        let checks = BulkChecks(ground: ground, server: server, seconds: seconds, runs: 1)
        let payments = PaymentsOverHTTP(ground: ground, server: server, seconds: seconds)
        let audiences = Audiences(ground: ground, runs: 1)

        // What an import leaves to be done for a while is not a part of what is measured next.
        _ = try ground.psql("vacuum analyze")
        _ = try ground.psql("checkpoint")
        let before = try Storage(ground)
        // Numbers of trades that no other part uses.
        var run = 6_000
        let pay = try examine("payments", connections: 256, oneAtATime: true) {
            run += 1
            return try payments.ours(connections: $0, run: run)
        }
        let after = try Storage(ground)
        let ask = try examine("entitlements", connections: 64, oneAtATime: false) { try lookups.entitlements(subscribers, connections: $0) }
        let check = Figure.median(try (1...runs).map { _ in try checks.check(subscribers) })
        try audiences.fill()
        let audience = Figure.median(try (1...runs).map { _ in try audiences.read("text/csv", header: 1, of: server) })
        try audiences.clear()

        showRates([
            ("payments/s", pay.demand), ("entitlements/s", ask.demand), ("checks/s (uids)", Demand(check)),
            ("audience members/s", Demand(audience)),
        ])
        after.show(since: before)
        return [pay.bound, ask.bound]
    }

    /// Measures under two light loads and a heavy one, and holds what the light ones predict to the heavy one.
    private func examine(
        _ name: String, connections heavy: Int, oneAtATime: Bool, _ measure: (Int) throws -> Figure
    ) throws -> (demand: Demand, bound: Bound) {
        let (few, more) = (heavy / Self.seen.0, heavy / Self.seen.1)
        var figures: [Int: [Figure]] = [:]
        for _ in 1...runs {
            // In turn, so that a slow minute of the machine meets all of them.
            for connections in [few, more, heavy] { figures[connections, default: []].append(try measure(connections)) }
        }
        func demand(_ connections: Int) -> Demand { Demand(.median(figures[connections] ?? []), oneAtATime: oneAtATime) }
        let (first, second, measured) = (demand(few), demand(more), Figure.median(figures[heavy] ?? []))
        let predicted = Demand.extrapolated(from: (few, first), (more, second), to: heavy)
        // The processors that this load could have had: what it used, and what nobody used. Others' work on the machine is not counted.
        let available = measured.rate * demand(heavy).all / 1e6 + (measured.idle ?? .nan)
        let rate = min(available * 1e6 / predicted.all, predicted.mostOneAtATime)
        let bound = Bound(
            what: "capacity: \(name) at \(heavy) connections, predicted \(Int(rate))/s, measured \(Int(measured.rate))/s: off by",
            value: abs(rate - measured.rate) / measured.rate * 100, limit: Self.limit, unit: "%",
            because: """
                µs CPU of server + PostgreSQL + load generator at \(few) connections \(first.text), at \(more) \(second.text), hence \
                \(predicted.text); measured \(demand(heavy).text); \(two(available)) processors available
                """)
        return (demand(heavy), bound)
    }

    private func showRates(_ operations: [(name: String, demand: Demand)]) {
        say("capacity from these costs, at \(Int(Demand.utilisation * 100)) % of the processors; a payment is one event of one resource")
        for (name, demand) in operations {
            say("  \(name): \(two(demand.server)) µs CPU of the server, \(two(demand.postgres)) of PostgreSQL")
            let single = [2, 4, 8, 16, 32].map { "\($0): \(Int(demand.onOneMachine(cores: $0)))" }
            say("    one machine with both, by cores: \(single.joined(separator: ", "))")
            let several = [1, 2, 4, 8].map { "\($0): \(Int(demand.onMachines($0, cores: 8)))" }
            say("    servers of 8 cores before one PostgreSQL of 8, by their number: \(several.joined(separator: ", "))")
        }
    }
}

/// Processor time that one operation takes, in microseconds.
struct Demand {
    let server: Double
    let postgres: Double
    /// Of the program that makes the load: here it shares the machine, elsewhere it does not.
    var generator = 0.0
    /// Whether a server process has one of its transactions at work at a time, as recording has: then its PostgreSQL share cannot be spread over
    /// processors.
    var oneAtATime = false

    /// Above it queues grow and answers take long; the rest is for what comes in bursts.
    static let utilisation = 0.7

    var all: Double { server + postgres + generator }

    /// Operations a second of one server process, when its transactions fill one processor of PostgreSQL.
    var mostOneAtATime: Double { oneAtATime ? 1e6 / postgres : .infinity }

    var text: String { [server, postgres, generator].map { two($0) }.joined(separator: " + ") }

    /// Server and PostgreSQL share the cores.
    func onOneMachine(cores: Int) -> Double {
        Self.utilisation * min(Double(cores) * 1e6 / (server + postgres), mostOneAtATime)
    }

    /// Server machines, one process each, before one machine for PostgreSQL, which is what cannot be doubled.
    func onMachines(_ servers: Int, cores: Int) -> Double {
        Self.utilisation
            * min(Double(servers * cores) * 1e6 / server, Double(cores) * 1e6 / postgres, Double(servers) * mostOneAtATime)
    }
}

extension Demand {
    init(_ figure: Figure, oneAtATime: Bool = false) {
        let postgres = figure.postgres ?? .nan
        self.init(server: (figure.cpu ?? .nan) - postgres, postgres: postgres, generator: figure.generator ?? 0, oneAtATime: oneAtATime)
    }

    /// What goes together shares a part of its cost: a batch its transaction and commit. So a cost is a + b / connections, through two points.
    static func extrapolated(from first: (Int, Demand), _ second: (Int, Demand), to connections: Int) -> Demand {
        func at(_ share: KeyPath<Demand, Double>) -> Double {
            let (few, many) = (1 / Double(first.0), 1 / Double(second.0))
            // A cost that grew with the load shares nothing; then the second point stands. And no more can be shared than there is.
            let slope = (first.1[keyPath: share] - second.1[keyPath: share]) / (few - many)
            let shared = min(max(0, slope), second.1[keyPath: share] / many)
            return second.1[keyPath: share] + shared * (1 / Double(connections) - many)
        }
        return Demand(server: at(\.server), postgres: at(\.postgres), generator: at(\.generator), oneAtATime: second.1.oneAtATime)
    }
}

/// What the market takes on disk.
private struct Storage {
    let events, windows: Double
    /// Bytes with all indexes.
    let eventBytes, windowBytes: Double
    /// Where the write-ahead log ends.
    let log: Double

    init(_ ground: Ground) throws {
        let numbers = try ground.psql(
            """
            select (select count(*) from payment_event), (select count(*) from paid_window), pg_total_relation_size('payment_event'),
                pg_total_relation_size('paid_window'), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
            """
        ).split(separator: "|").compactMap { Double($0) }
        guard numbers.count == 5, numbers[0] > 0, numbers[1] > 0 else { throw BenchError("no events or windows are stored") }
        (events, windows, eventBytes, windowBytes, log) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])
    }

    func show(since before: Storage) {
        let event = eventBytes / events
        let window = windowBytes / windows
        let perEvent = windows / events
        say(
            """
            storage: \(two(event)) bytes an event with its indexes, \(two(window)) a window, \(two(perEvent)) windows an event; \
            \(two((log - before.log) / (events - before.events))) bytes of write-ahead log a payment
            """)
        for payments in [10_000, 100_000, 1_000_000] {
            let year = Double(payments) * 365 * (event + perEvent * window) / 1e9
            let log = Double(payments) * (log - before.log) / (events - before.events) / 1e9
            say("    \(payments) payments a day: \(two(year)) GB a year, \(two(log)) GB of write-ahead log a day")
        }
    }
}
