/// An operation under two light loads, from which what it does under heavier ones is predicted, and then measured.
struct Experiment {
    /// Connections of the light loads.
    let few, more: Int
    let heavy: [Heavy]
    let concurrency: Concurrency
    /// Generators that make the load of one server process, each with one thread.
    var generators: (_ connections: Int) -> Int = { _ in 1 }

    struct Heavy {
        let name: String
        /// To each server process.
        let connections: Int
        var processes = 1
    }

    /// - Parameter measure: takes the connections to each server process, and how many processes.
    func predictions(runs: Int, _ measure: (_ connections: Int, _ processes: Int) throws -> Figure) throws -> [Prediction] {
        var light: [(few: Figure, more: Figure)] = []
        var loaded: [[(processors: Double, figure: Figure)]] = heavy.map { _ in [] }
        for _ in 1...runs {
            // In turn, so that a slow minute of the machine meets all of them.
            let (few, more) = (try measure(few, 1), try measure(more, 1))
            light.append((few, more))
            for (index, load) in heavy.enumerated() {
                let before = try Spin.processors()
                let figure = try measure(load.connections, load.processes)
                let spun = (before + (try Spin.processors())) / 2
                // What the light loads used or left unused, this one may have; and what loops could take. Loops alone say too little where others work
                // here: Linux lets those go first who have slept, as programs that serve do.
                let processors = max(spun, Figure.median([few, more]).available ?? 0)
                loaded[index].append((processors, figure))
            }
        }
        let curve = DemandCurve(few: (few, Demand(.median(light.map(\.few)))), more: (more, Demand(.median(light.map(\.more)))))
        return zip(heavy, loaded).map { load, found in
            let demand = curve.at(load.connections)
            let machines = Machines(connections: load.connections, concurrency: concurrency)
            return Prediction(
                name: load.name, demand: demand, curve: curve,
                runs: found.map { processors, figure in
                    let predicted = machines.here(
                        demand, processors: processors, processes: load.processes,
                        generators: load.processes * generators(load.connections))
                    return Prediction.Run(processors: processors, predicted: predicted, measured: figure)
                })
        }
    }
}
