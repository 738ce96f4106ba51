/// What was predicted of a load, and what was measured under it.
struct Prediction {
    let name: String
    /// From the costs under other loads; nothing of it was measured under this one.
    let demand: Demand
    /// The costs that it comes from, in words.
    let basis: String
    let runs: [Run]

    struct Run {
        let predicted: Double
        let measured: Figure

        /// - Parameter predicted: the rate on so many processors of this machine: those that others had not taken meanwhile, which are all of them
        ///   where nobody else works. What others take is no matter of the market; what it leaves unused is, and is predicted.
        init(measured: Figure, predicted: (_ processors: Double) -> Double) {
            (self.measured, self.predicted) = (measured, predicted(measured.available ?? .nan))
        }
    }

    /// A prediction may be off by so much of what is measured, in per cent.
    private static let limit = 20.0

    var measured: Figure { .median(runs.map(\.measured)) }

    /// Each run's prediction is held to what that run measured, since others' work on the machine comes and goes; the run in the middle counts.
    var bound: Bound {
        func ratio(_ run: Run) -> Double { run.predicted / run.measured.rate }
        let run = runs.sorted { ratio($0) < ratio($1) }[runs.count / 2]
        return Bound(
            what: "capacity: \(name), predicted \(Int(run.predicted))/s, measured \(Int(run.measured.rate))/s: off by",
            value: abs(ratio(run) - 1) * 100, limit: Self.limit, unit: "%",
            because: """
                µs CPU of server + PostgreSQL + load generator \(basis), hence \(demand.text); measured \(Demand(measured).text); \
                others left \(two(run.measured.available ?? .nan)) processors
                """)
    }
}
