import Foundation

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
        private var random: SplitMix64
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
            random = SplitMix64(state: history.seed)
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

/// Trade numbers as the hosted platform makes them: the time in Shanghai to the millisecond, and ten digits.
enum TradeNumberMaker {
    static func make(at time: Int64, serial: Int) -> String {
        let local = time + 8 * 3_600_000
        let (days, rest) = (local / 86_400_000, local % 86_400_000)
        let (year, month, day) = civil(days)
        return pad(year, 4) + pad(month, 2) + pad(day, 2) + pad(rest / 3_600_000, 2) + pad(rest / 60_000 % 60, 2)
            + pad(rest / 1_000 % 60, 2)
            + pad(rest % 1_000, 3) + pad(Int64(serial), 10)
    }

    private static func pad(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: Swift.max(width - digits.count, 0)) + digits
    }

    /// The Gregorian date of a day since 1970 (Howard Hinnant, "chrono-compatible low-level date algorithms").
    private static func civil(_ days: Int64) -> (Int64, Int64, Int64) {
        let shifted = days + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}

/// The same numbers from the same seed on every machine, which the standard library's generator does not promise.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func chance(_ oneIn: Int) -> Bool { below(oneIn) == 0 }
    mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }
}

/// Deliveries by their turn: a binary heap.
private struct DeliveryQueue {
    private var heap: [(turn: Int, serial: Int, json: String)] = []
    private var serial = 0

    var isEmpty: Bool { heap.isEmpty }
    var soonest: Int { heap.first?.turn ?? .max }

    mutating func insert(_ json: String, at turn: Int) {
        serial += 1
        heap.append((turn, serial, json))
        var index = heap.count - 1
        while index > 0, precedes(index, (index - 1) / 2) {
            heap.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popSoonest() -> String? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        guard !heap.isEmpty else { return first.json }
        heap[0] = last
        var index = 0
        while true {
            let child = [2 * index + 1, 2 * index + 2].filter { $0 < heap.count }.min { precedes($0, $1) }
            guard let child, precedes(child, index) else { return first.json }
            heap.swapAt(child, index)
            index = child
        }
    }

    private func precedes(_ left: Int, _ right: Int) -> Bool {
        (heap[left].turn, heap[left].serial) < (heap[right].turn, heap[right].serial)
    }
}
