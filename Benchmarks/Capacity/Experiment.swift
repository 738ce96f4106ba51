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
    /// - Returns: also the costs under the light loads, from which the predictions are made.
    func predictions(
        runs: Int, _ measure: (_ connections: Int, _ processes: Int) throws -> Figure
    ) throws -> (curve: DemandCurve, heavy: [Prediction]) {
        var light: [(few: Figure, more: Figure)] = []
        var loaded: [[Figure]] = heavy.map { _ in [] }
        for _ in 1...runs {
            // In turn, so that a slow minute of the machine meets all of them.
            light.append((try measure(few, 1), try measure(more, 1)))
            for (index, load) in heavy.enumerated() { loaded[index].append(try measure(load.connections, load.processes)) }
        }
        let curve = DemandCurve(few: (few, Demand(.median(light.map(\.few)))), more: (more, Demand(.median(light.map(\.more)))))
        let predictions = zip(heavy, loaded).map { load, figures in
            let demand = curve.at(load.connections)
            let machines = Machines(connections: load.connections, concurrency: concurrency)
            return Prediction(
                name: load.name, demand: demand, basis: curve.text,
                runs: figures.map { figure in
                    .init(measured: figure) { processors in
                        machines.here(
                            demand, processors: processors, processes: load.processes,
                            generators: load.processes * generators(load.connections))
                    }
                })
        }
        return (curve, predictions)
    }
}
