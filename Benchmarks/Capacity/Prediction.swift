/// Measures under two light loads, predicts a heavy one from them, and holds that to what is measured under it.
struct Prediction {
    let name: String
    /// Under the predicted rate are the costs, the processors and the limits of the model; nothing of it was measured under the heavy load.
    let predicted: Double
    let demand: Demand
    let processors: Double
    let curve: DemandCurve
    let measured: Figure

    /// A prediction may be off by so much of what is measured, in per cent.
    private static let limit = 20.0

    var bound: Bound {
        Bound(
            what: "capacity: \(name), predicted \(Int(predicted))/s, measured \(Int(measured.rate))/s: off by",
            value: abs(predicted - measured.rate) / measured.rate * 100, limit: Self.limit, unit: "%",
            because: """
                µs CPU of server + PostgreSQL + load generator at \(curve.few.connections) \(curve.few.demand.text), at \
                \(curve.more.connections) \(curve.more.demand.text), hence \(demand.text); measured \(Demand(measured).text); \
                \(two(processors)) processors to be had under the light loads, \(two(measured.available ?? .nan)) under this one
                """)
    }
}

/// An operation that is measured under loads of more and more connections.
struct Experiment {
    let few, more: Int
    /// What is predicted: how it is called, and how many connections each of how many server processes has.
    let heavy: [Heavy]
    let concurrency: Concurrency
    /// Generators that make the load of one server process, each with one thread.
    var generators: (_ connections: Int) -> Int = { _ in 1 }

    struct Heavy {
        let name: String
        let connections: Int
        var processes = 1
    }

    /// - Parameter measure: takes the connections to each server process, and how many processes.
    func predictions(runs: Int, _ measure: (_ connections: Int, _ processes: Int) throws -> Figure) throws -> [Prediction] {
        var light: [[Figure]] = [[], []]
        var loaded = heavy.map { _ in [Figure]() }
        for _ in 1...runs {
            // In turn, so that a slow minute of the machine meets all of them.
            light[0].append(try measure(few, 1))
            light[1].append(try measure(more, 1))
            for (index, load) in heavy.enumerated() { loaded[index].append(try measure(load.connections, load.processes)) }
        }
        let curve = DemandCurve(few: (few, Demand(.median(light[0]))), more: (more, Demand(.median(light[1]))))
        // What others leave of the machine. The light loads say it, so that the heavy one has no part in what is predicted of it.
        let processors = Figure.median(light[0] + light[1]).available ?? .nan
        return zip(heavy, loaded).map { load, figures in
            let demand = curve.at(load.connections)
            return Prediction(
                name: load.name,
                predicted: Machines(connections: load.connections, concurrency: concurrency).here(
                    demand, processors: processors, processes: load.processes,
                    generators: load.processes * generators(load.connections)),
                demand: demand, processors: processors, curve: curve, measured: .median(figures))
        }
    }
}
