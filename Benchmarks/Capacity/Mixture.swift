/// Payments, entitlements and checks at once: what each costs alone must give what all of them cost together.
struct Mixture {
    let payments: PaymentsOverHTTP
    let lookups: Lookups
    let bulk: BulkChecks

    /// How many wait for each at the same time.
    private static let (paying, asking, checking) = (64, 64, 1)

    /// Predicts how many payments go through, with the entitlements and checks that went through beside each: what a mixture is made of is given to a
    /// market by those who ask, and so it is given to the prediction.
    func prediction(runs: Int) throws -> Prediction {
        var alone: (pay: [Demand], ask: [Demand], check: [Demand]) = ([], [], [])
        var demands: [Demand] = []
        let measured = try (1...runs).map { _ in
            // Each time anew: what something costs here may be another in a few minutes.
            let pay = Demand(try payments.ours(connections: Self.paying))
            let ask = Demand(try lookups.entitlements(connections: Self.asking))
            let check = Demand(try bulk.check(connections: Self.checking))
            alone.pay.append(pay)
            alone.ask.append(ask)
            alone.check.append(check)
            try lookups.ground.settle()
            _ = try measure(warmUp(of: payments.seconds))
            let (figure, asked, checked) = try measure(payments.seconds)
            demands.append(.together([(pay, 1), (ask, asked), (check, checked)]))
            return figure
        }
        let basis = [alone.pay, alone.ask, alone.check].map { Demand.median($0).text }.joined(separator: ", ")
        return Prediction(
            name: "payments at \(Self.paying) connections, beside entitlements at \(Self.asking) and checks by \(Self.checking) caller",
            demand: .median(demands), basis: "alone \(basis)",
            runs: zip(demands, measured).map { demand, figure in .init(measured: figure) { $0 * 1e6 / demand.all } })
    }

    /// - Returns: what was used for each payment, and the entitlements and checked subscribers beside each.
    private func measure(_ seconds: Int) throws -> (Figure, asked: Double, checked: Double) {
        let slice = payments.slice(connections: Self.paying)
        let targets = slice.targets + [lookups.target(connections: Self.asking), bulk.target(connections: Self.checking)]
        let watch = try Stopwatch(lookups.ground, servers: payments.servers)
        let outcomes = try LoadGenerator(seconds: seconds).send(to: targets)
        let (paid, asked, checked) = (outcomes[0], outcomes[1], outcomes[2])
        let figure = try watch.figure(operations: paid.completed, rate: paid.rate)
        try payments.requireStored(paid.completed, of: slice, connections: Self.paying)
        let checks = checked.rate * Double(BulkChecks.uidsPerCall)
        say("    at once: \(Int(paid.rate)) payments/s, \(Int(asked.rate)) entitlements/s, \(Int(checks)) checks/s")
        return (figure, asked.rate / paid.rate, checks / paid.rate)
    }
}
