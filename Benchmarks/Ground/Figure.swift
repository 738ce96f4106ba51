/// What one side of a comparison did, and what it cost.
struct Figure {
    /// Operations a second, on the wall's clock.
    let rate: Double
    /// Processor time per operation, in microseconds: of the program that does the work and PostgreSQL together; nil where it is not compared.
    let cpu: Double?
    /// The share of PostgreSQL in that, where it is known.
    var postgres: Double?
    /// The middle time of one round trip, in microseconds, where it is compared.
    var latency: Double?
    /// Processor time per operation of the program that made the load, in microseconds, where it is counted.
    var generator: Double?
    /// Processors of this machine that nobody used meanwhile, where it is counted.
    var idle: Double?

    /// The middle one by rate, with the middle costs: one slow run of three says nothing.
    static func median(_ figures: [Figure]) -> Figure {
        func middle(_ values: [Double]) -> Double? { values.isEmpty ? nil : values.sorted()[values.count / 2] }
        return Figure(
            rate: middle(figures.map(\.rate)) ?? .nan, cpu: middle(figures.compactMap(\.cpu)),
            postgres: middle(figures.compactMap(\.postgres)), latency: middle(figures.compactMap(\.latency)),
            generator: middle(figures.compactMap(\.generator)), idle: middle(figures.compactMap(\.idle)))
    }
}

/// Three digits that count.
func two(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    let scale: Double = value >= 100 ? 1 : value >= 10 ? 10 : 100
    let rounded = (value * scale).rounded() / scale
    return scale == 1 ? "\(Int(rounded))" : "\(rounded)"
}
