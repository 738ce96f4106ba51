/// An operation under two light loads, from which what it does under a heavy one is predicted, and then measured.
struct Experiment {
    /// Connections of the light loads to each server process.
    let few, more: Int
    /// Server processes, of the light loads as of the heavy one: those that share their subscribers cost more than one alone.
    var processes = 1
    let heavy: Heavy
    let concurrency: Concurrency
    /// Generators that make the load of one server process, each with one thread.
    var generators: (_ connections: Int) -> Int = { _ in 1 }

    struct Heavy {
        let name: String
        /// To each server process.
        let connections: Int
    }

    /// - Parameter measure: takes the connections to each server process.
    func prediction(runs: Int, _ measure: (_ connections: Int) throws -> Figure) throws -> Prediction {
        // In turn, so that a slow minute of the machine meets all of them.
        let figures = try (1...runs).map { _ in (few: try measure(few), more: try measure(more), heavy: try measure(heavy.connections)) }
        let curve = DemandCurve(
            few: (few, Demand(.median(figures.map(\.few)))), more: (more, Demand(.median(figures.map(\.more)))))
        let demand = curve.at(heavy.connections)
        let machines = Machines(connections: heavy.connections, concurrency: concurrency)
        return Prediction(
            name: heavy.name, demand: demand, basis: curve.text,
            runs: figures.map { figures in
                .init(measured: figures.heavy) { processors in
                    machines.here(
                        demand, processors: processors, processes: processes, generators: processes * generators(heavy.connections))
                }
            })
    }
}
