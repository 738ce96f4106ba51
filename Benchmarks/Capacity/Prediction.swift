/// What was predicted of a heavy load, and what was measured under it.
struct Prediction {
    let name: String
    /// From the costs under two light loads, the processors and the limits of the model; nothing of it was measured under the heavy load.
    let demand: Demand
    let curve: DemandCurve
    let runs: [Run]

    struct Run {
        let processors: Double
        let predicted: Double
        let measured: Figure
    }

    /// A prediction may be off by so much of what is measured, in per cent.
    private static let limit = 20.0

    var measured: Figure { .median(runs.map(\.measured)) }

    /// Each run's prediction is held to what that run measured, since others' work on the machine comes and goes; the middle one counts.
    var bound: Bound {
        let predicted = middle(runs.map(\.predicted)) ?? .nan
        let ratio = middle(runs.map { $0.predicted / $0.measured.rate }) ?? .nan
        return Bound(
            what: "capacity: \(name), predicted \(Int(predicted))/s, measured \(Int(measured.rate))/s: off by",
            value: abs(ratio - 1) * 100, limit: Self.limit, unit: "%",
            because: """
                µs CPU of server + PostgreSQL + load generator at \(curve.few.connections) \(curve.few.demand.text), at \
                \(curve.more.connections) \(curve.more.demand.text), hence \(demand.text); measured \(Demand(measured).text); \
                \(two(middle(runs.map(\.processors)) ?? .nan)) processors to be had before, \(two(measured.available ?? .nan)) under this load
                """)
    }
}
