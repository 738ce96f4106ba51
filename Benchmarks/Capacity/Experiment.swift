/// An operation under two light loads, from which what it does under heavier ones is predicted, and then measured.
struct Experiment {
    /// Connections of the light loads to each server process.
    let few, more: Int
    /// Server processes, of the light loads as of the heavy ones: those that share their subscribers cost more than one alone.
    var processes = 1
    let heavy: [Heavy]
    let concurrency: Concurrency
    /// Generators that make the load of one server process, each with one thread.
    var generators: (_ connections: Int) -> Int = { _ in 1 }

    struct Heavy {
        let name: String
        /// To each server process.
        let connections: Int
    }

    /// - Parameter measure: takes the connections to each server process.
    /// - Returns: also the costs under the light loads, from which the predictions are made.
    func predictions(
        runs: Int, _ measure: (_ connections: Int) throws -> Figure
    ) throws -> (curve: DemandCurve, heavy: [Prediction]) {
        var light: [(few: Figure, more: Figure)] = []
        var loaded: [[Figure]] = heavy.map { _ in [] }
        for _ in 1...runs {
            // In turn, so that a slow minute of the machine meets all of them.
            light.append((try measure(few), try measure(more)))
            for (index, load) in heavy.enumerated() { loaded[index].append(try measure(load.connections)) }
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
                            demand, processors: processors, processes: processes, generators: processes * generators(load.connections))
                    }
                })
        }
        return (curve, predictions)
    }
}
