import Randomness

/// A made-up payment history, the same for the same seed: a few subscribers who pay often and many who pay seldom (Zipf), renewals and lapses, partial
/// and full refunds, deliveries that come late, out of order and more than once.
struct DemoHistory: Sequence {
    /// What is sold, by the numbers that stand in the messages.
    struct Product: Sendable {
        let appID: Int64
        let productID: Int64
    }

    /// Distinct events; the lines are some 3 % more, for repeats.
    let events: Int
    let seed: UInt64
    let products: [Product]
    /// Of the last event, ms since 1970.
    let end: Int64

    init(events: Int, seed: UInt64, products: [Product], end: Int64) {
        precondition(events >= 1 && !products.isEmpty, "a history has an event and something that was sold")
        self.events = events
        self.seed = seed
        self.products = products
        self.end = end
    }

    func makeIterator() -> Iterator {
        Iterator(self)
    }

    /// One delivery: the JSON of an order_pay data object.
    struct Iterator: IteratorProtocol {
        private let history: DemoHistory
        private var random: SeededRandom
        private var made = 0
        private var delivered = 0
        /// Deliveries that wait for their turn, soonest first.
        private var waiting = DeliveryQueue()
        /// Payments that a refund may still name.
        private var payments: [Payment] = []

        private struct Payment {
            let tradeNumber: String
            let subscriber: Int
            let product: Product
            let plan: Plan
            let time: Int64
        }

        private struct Plan {
            let amount: Int64
            let addTime: Int64
        }

        private static let day: Int64 = 86_400_000
        private static let plans = [
            Plan(amount: 50, addTime: day), Plan(amount: 990, addTime: 30 * day), Plan(amount: 990, addTime: 30 * day),
            Plan(amount: 9_900, addTime: 365 * day),
        ]
        /// Two years.
        private static let length = 730 * day
        /// Payments that are kept to be refunded.
        private static let memory = 4_096

        init(_ history: DemoHistory) {
            self.history = history
            random = SeededRandom(seed: history.seed)
        }

        mutating func next() -> String? {
            while made < history.events, waiting.isEmpty || waiting.soonest > delivered {
                let json = makeEvent()
                made += 1
                let turn = delivered + 1
                // One in twenty comes late, one in thirty comes again, up to two thousand deliveries on.
                waiting.insert(json, at: random.chance(20) ? turn + random.below(2_000) : turn)
                if random.chance(30) { waiting.insert(json, at: turn + random.below(2_000)) }
                if waiting.soonest <= turn { break }
                delivered += 1
            }
            delivered += 1
            return waiting.popSoonest()
        }

        private mutating func makeEvent() -> String {
            let start = history.end - Self.length
            let time = start + Self.length / Int64(history.events) * Int64(made) + Int64(random.below(1_000))
            if payments.count > 16, random.chance(15) { return makeRefund(at: time) }
            // Zipf with exponent 1/2 by its inverse: the rank of u is N·u².
            let unit = random.unit()
            let subscribers = Double(Swift.max(history.events / 8, 1))
            let payment = Payment(
                tradeNumber: TradeNumberMaker.make(at: time, serial: random.below(10_000_000_000)),
                subscriber: Int(subscribers * unit * unit),
                product: history.products[random.below(history.products.count)], plan: Self.plans[random.below(Self.plans.count)],
                time: time)
            if payments.count < Self.memory { payments.append(payment) } else { payments[random.below(Self.memory)] = payment }
            return line(payment, number: payment.tradeNumber, type: 1, plan: payment.plan, time: time, names: nil)
        }

        private mutating func makeRefund(at time: Int64) -> String {
            let index = random.below(payments.count)
            let payment = payments.remove(at: index)
            let share = random.chance(2) ? 1 : Int64(2 + random.below(4))
            let plan = Plan(amount: -payment.plan.amount / share, addTime: -payment.plan.addTime / share)
            // Some under the payment's own number, as the hosted platform may; some that name it; few that name nobody.
            switch random.below(10) {
            case 0..<4: return line(payment, number: payment.tradeNumber, type: 2, plan: plan, time: time, names: nil)
            case 4..<9:
                return line(
                    payment, number: TradeNumberMaker.make(at: time, serial: random.below(10_000_000_000)), type: 2, plan: plan, time: time,
                    names: payment.tradeNumber)
            default:
                return line(
                    payment, number: TradeNumberMaker.make(at: time, serial: random.below(10_000_000_000)), type: 2, plan: plan, time: time,
                    names: nil)
            }
        }

        private func line(_ payment: Payment, number: String, type: Int, plan: Plan, time: Int64, names: String?) -> String {
            var text = "{\"addTime\":\(plan.addTime),\"amount\":\(plan.amount),\"appId\":\(payment.product.appID),\"createTime\":\(time),"
            text +=
                "\"prodId\":\(payment.product.productID),\"tradeNo\":\"\(number)\",\"type\":\(type),\"uid\":\"UID_demo\(payment.subscriber)\""
            if let names { text += ",\"payTradeNo\":\"\(names)\"" }
            return text + "}"
        }
    }
}

extension SeededRandom {
    fileprivate mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    fileprivate mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }
    /// From 0 up to 1.
    fileprivate mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}
