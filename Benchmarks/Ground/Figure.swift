/// What one side of a comparison did, and what it cost.
struct Figure {
    /// Operations a second, on the wall's clock.
    let rate: Double
    /// Processor time per operation of the program that does the work (our server, an import, psql), in microseconds; nil where nobody counted it.
    let own: Double?
    /// That of PostgreSQL, all its processes.
    let postgres: Double?
    /// The middle time of one round trip, in microseconds, where it is compared.
    var latency: Double?
    /// Processor time per operation of the program that made the load, in microseconds, where it is counted.
    var generator: Double?
    /// Processors of this machine that were to be had meanwhile: what all of these used, and what nobody used. The rest was others' work.
    var available: Double?

    /// Processor time per operation of the program and PostgreSQL together.
    var cpu: Double? {
        guard let own, let postgres else { return nil }
        return own + postgres
    }

    var text: String {
        var parts = ["\(Int(rate.rounded()))/s"]
        if let latency { parts.append("p50 \(two(latency)) µs") }
        if let own, let postgres { parts.append("µs CPU \(two(own)) own + \(two(postgres)) PostgreSQL = \(two(own + postgres))") }
        return parts.joined(separator: ", ")
    }

    /// The middle one by rate, with the middle costs: one slow run of three says nothing. Of an even number, the mean of the two in the middle: to
    /// take either would favour a side.
    static func median(_ figures: [Figure]) -> Figure {
        return Figure(
            rate: middle(figures.map(\.rate)) ?? .nan, own: middle(figures.compactMap(\.own)),
            postgres: middle(figures.compactMap(\.postgres)), latency: middle(figures.compactMap(\.latency)),
            generator: middle(figures.compactMap(\.generator)), available: middle(figures.compactMap(\.available)))
    }
}

/// The middle value; of an even number the mean of the two in the middle. Nil of none.
func middle(_ values: [Double]) -> Double? {
    guard !values.isEmpty else { return nil }
    let sorted = values.sorted()
    return (sorted[(sorted.count - 1) / 2] + sorted[sorted.count / 2]) / 2
}

/// Three digits that count.
func two(_ value: Double) -> String {
    guard value.isFinite else { return "?" }
    let scale: Double = value >= 100 ? 1 : value >= 10 ? 10 : 100
    let rounded = (value * scale).rounded() / scale
    return scale == 1 ? "\(Int(rounded))" : "\(rounded)"
}
