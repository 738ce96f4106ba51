/// Processor time that one operation takes, in microseconds.
struct Demand {
    let server: Double
    let postgres: Double
    /// Of the program that makes the load: here it shares the machine, elsewhere it does not.
    var generator = 0.0
    /// What was left unused meanwhile, on all processors: one waits for the other's answer, all wait for the disk.
    var idle = 0.0

    var used: Double { server + postgres + generator }
    /// Of all processors.
    var all: Double { used + idle }
    /// The part of the processors that it keeps at work.
    var busy: Double { used / all }

    var text: String { "\([server, postgres, generator].map { two($0) }.joined(separator: " + ")), \(two(idle)) unused" }
}

extension Demand {
    init(_ figure: Figure) {
        self.init(server: figure.own ?? .nan, postgres: figure.postgres ?? .nan, generator: figure.generator ?? .nan)
        // The rate is the generator's, whose clock begins a little later than the one that counts processor time.
        idle = figure.available.map { max(0, $0 * 1e6 / figure.rate - used) } ?? .nan
    }

    static func median(_ demands: [Demand]) -> Demand {
        func middle(_ share: KeyPath<Demand, Double>) -> Double { Benchmarks.middle(demands.map { $0[keyPath: share] }) ?? .nan }
        return Demand(server: middle(\.server), postgres: middle(\.postgres), generator: middle(\.generator), idle: middle(\.idle))
    }

    /// Of several operations together, so many of each. They keep the processors as busy as the busiest of them does alone: where one waits, another
    /// works.
    static func together(_ parts: [(demand: Demand, times: Double)]) -> Demand {
        func sum(_ share: KeyPath<Demand, Double>) -> Double { parts.reduce(0) { $0 + $1.demand[keyPath: share] * $1.times } }
        var all = Demand(server: sum(\.server), postgres: sum(\.postgres), generator: sum(\.generator))
        let busiest = parts.map(\.demand.busy).max() ?? .nan
        all.idle = all.used / busiest - all.used
        return all
    }
}

/// How the cost of an operation falls with what arrives together: a batch shares its transaction and commit, and what is waited for. So it is
/// a + b ÷ connections, through two points.
struct DemandCurve {
    let few, more: (connections: Int, demand: Demand)

    var text: String { "at \(few.connections) \(few.demand.text), at \(more.connections) \(more.demand.text)" }

    func at(_ connections: Int) -> Demand {
        func at(_ share: KeyPath<Demand, Double>) -> Double {
            let (first, second) = (1 / Double(few.connections), 1 / Double(more.connections))
            // A cost that grew with the load shares nothing; then the second point stands. And no more can be shared than there is.
            let slope = (few.demand[keyPath: share] - more.demand[keyPath: share]) / (first - second)
            let shared = min(max(0, slope), more.demand[keyPath: share] / second)
            return more.demand[keyPath: share] + shared * (1 / Double(connections) - second)
        }
        return Demand(server: at(\.server), postgres: at(\.postgres), generator: at(\.generator), idle: at(\.idle))
    }
}

/// How many transactions a server process has at work at once, where that is a limit: then PostgreSQL's share of an operation cannot be spread over
/// more processors than that for each process.
enum Concurrency {
    case unlimited
    /// Recording has several batches in flight, as `EventRecorder` says: as many as `transactions`, where each can have `worthRoundTrips` events.
    case recording

    private static let (transactions, worthRoundTrips) = (3, 16)

    /// - Parameter waiting: connections of one process, each with one event.
    func transactions(waiting: Int) -> Double {
        switch self {
        case .unlimited: .infinity
        // No batch has more than what all connections have sent.
        case .recording: Double(min(max(1, waiting / Self.worthRoundTrips), Self.transactions))
        }
    }
}

/// Machines under a load, and the rate that a demand allows on them.
struct Machines {
    /// Above it queues grow and answers take long; the rest is for what comes in bursts.
    static let planned = 0.7

    /// Connections to each server process.
    let connections: Int
    let concurrency: Concurrency

    private func mostByTransactions(_ demand: Demand, processes: Int) -> Double {
        Double(processes) * concurrency.transactions(waiting: connections) * 1e6 / demand.postgres
    }

    /// What this machine does with everything on it, the generators too, each of which has one thread.
    func here(_ demand: Demand, processors: Double, processes: Int, generators: Int) -> Double {
        min(
            processors * 1e6 / demand.all, Double(generators) * 1e6 / demand.generator, mostByTransactions(demand, processes: processes))
    }

    /// One machine to plan with: server and PostgreSQL share the cores.
    func alone(_ demand: Demand, cores: Int) -> Double {
        Self.planned * min(Double(cores) * 1e6 / (demand.server + demand.postgres), mostByTransactions(demand, processes: 1))
    }

    /// Server machines, one process each, before one machine for PostgreSQL, which is what cannot be doubled.
    func several(_ demand: Demand, servers: Int, cores: Int) -> Double {
        Self.planned
            * min(
                Double(servers * cores) * 1e6 / demand.server, Double(cores) * 1e6 / demand.postgres,
                mostByTransactions(demand, processes: servers))
    }
}
