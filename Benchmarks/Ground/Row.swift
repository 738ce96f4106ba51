/// A line of the table that says whether something was reached.
protocol Finding {
    var reached: Bool { get }
    /// Whether there was anything to be reached.
    var hasGoal: Bool { get }
    /// What was measured.
    var subject: String { get }
    /// All of it.
    var text: String { get }
}

/// Ours against theirs, and what was to be reached; without goals it only shows.
struct Row: Finding {
    let operation: String
    let ours: Figure
    let against: String
    let theirs: Figure
    let goals: [Goal]

    struct Goal {
        enum Measure {
            /// Ours over theirs, the more the better.
            case rate
            /// Ours over theirs, the less the better: `cpu` of the program and PostgreSQL, `ownCPU` of the program alone.
            case cpu, ownCPU, latency
        }
        let measure: Measure
        /// Nil for what is shown and not held against anything.
        let limit: Double?
    }

    var reached: Bool { goals.allSatisfy { isReached($0) } }
    var hasGoal: Bool { goals.contains { $0.limit != nil } }
    var subject: String { "\(operation), against \(against)" }

    private func ratio(_ measure: Goal.Measure) -> Double {
        switch measure {
        case .rate: ours.rate / theirs.rate
        case .cpu: (ours.cpu ?? .nan) / (theirs.cpu ?? .nan)
        case .ownCPU: (ours.own ?? .nan) / (theirs.own ?? .nan)
        case .latency: (ours.latency ?? .nan) / (theirs.latency ?? .nan)
        }
    }

    private func isReached(_ goal: Goal) -> Bool {
        guard let limit = goal.limit else { return true }
        return goal.measure == .rate ? ratio(.rate) >= limit : ratio(goal.measure) <= limit
    }

    var text: String {
        let parts = goals.map { goal in
            let name =
                switch goal.measure {
                case .rate: "rate"
                case .cpu: "CPU"
                case .ownCPU: "own CPU"
                case .latency: "latency"
                }
            let ratio = two(ratio(goal.measure))
            guard let limit = goal.limit else { return "\(name) \(ratio) ×, no goal" }
            return "\(name) \(goal.measure == .rate ? "≥" : "≤") \(two(limit)) ×: \(ratio) × \(isReached(goal) ? "reached" : "MISSED")"
        }
        let verdict = goals.isEmpty ? "rate \(two(ratio(.rate))) ×, no goal" : parts.joined(separator: ", ")
        return "  \(operation): \(ours.text) | \(against): \(theirs.text) | \(verdict)"
    }
}

/// One number that must not be above another.
struct Bound: Finding {
    let what: String
    let value: Double
    let limit: Double
    let unit: String
    /// Where the number comes from, in words.
    var because = ""

    var reached: Bool { value <= limit }
    var hasGoal: Bool { true }
    var subject: String { what }

    var text: String {
        "  \(what): \(two(value)) \(unit)\(because.isEmpty ? "" : " (\(because))") | ≤ \(two(limit)) \(unit): \(reached ? "reached" : "MISSED")"
    }
}
