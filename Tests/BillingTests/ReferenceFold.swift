import ProductCatalog
import TestSupport

@testable import Billing

/// The rules of the paid window once more, written as differently as possible: every millisecond-grant is a row of one table, and each question
/// is answered by looking through all of it. Slow, and nothing to share a mistake with.
enum ReferenceFold {
    private struct Row {
        let run: Int
        let runStart: Int64
        let trade: String
        var left: Int64
    }

    static func payEndTime(_ delivered: [PaymentEvent]) -> Int64 {
        var events: [PaymentEvent] = []
        for event in delivered where !events.contains(where: { $0.identity == event.identity }) { events.append(event) }
        func paymentTime(_ trade: String) -> Int64? {
            events.first { $0.kind == .payment && $0.tradeNumber.text == trade }?.createTime.milliseconds
        }
        func sortKey(_ event: PaymentEvent) -> (Int64, Int, String, Int64) {
            let own = event.createTime.milliseconds
            let named = event.kind == .refund ? paymentTime(event.namedPayment.text) ?? own : own
            return (max(own, named), Int(event.kind.rawValue), event.tradeNumber.text, own)
        }
        var rows: [Row] = []
        var runs = 0
        func lastRun() -> Int? { rows.filter { $0.left > 0 }.map(\.run).max() }
        func end(_ run: Int) -> Int64 { rows.filter { $0.run == run }.reduce(rows.first { $0.run == run }?.runStart ?? 0) { $0 + $1.left } }

        for event in events.sorted(by: { sortKey($0) < sortKey($1) }) {
            let last = lastRun()
            switch event.kind {
            case .payment:
                let t = event.createTime.milliseconds
                if let last, t <= end(last) {
                    let start = rows.first { $0.run == last }?.runStart ?? t
                    rows.append(Row(run: last, runStart: start, trade: event.tradeNumber.text, left: event.addTime.milliseconds))
                } else {
                    runs += 1
                    rows.append(Row(run: runs, runStart: t, trade: event.tradeNumber.text, left: event.addTime.milliseconds))
                }
            case .refund:
                guard let last else { continue }
                var back = -event.addTime.milliseconds
                let known = paymentTime(event.namedPayment.text) != nil
                for index in rows.indices.reversed()
                where rows[index].run == last && (!known || rows[index].trade == event.namedPayment.text) {
                    let taken = min(back, rows[index].left)
                    rows[index].left -= taken
                    back -= taken
                }
            }
        }
        return lastRun().map(end) ?? 0
    }
}

/// Histories of one subscriber: renewals, lapses, partial and full refunds, refunds under the payment's number, unnamed ones, ties.
struct RandomHistory {
    var random: SeededRandomSource

    mutating func make(uid: UID, products: [MessageProduct.ID]) -> [PaymentEvent] {
        let day: Int64 = 86_400_000
        let base: Int64 = 1_664_118_481_675
        var events: [PaymentEvent] = []
        var payments: [PaymentEvent] = []
        for number in 0..<Int.random(in: 1...9, using: &random.generator) {
            // Few distinct instants, so that ties and exact ends happen.
            let time = base + Int64.random(in: 0...40, using: &random.generator) * day * 5
            let product = products.randomElement(using: &random.generator) ?? products[0]
            if payments.isEmpty || Int.random(in: 0..<3, using: &random.generator) > 0 {
                let event = PaymentEvent(
                    kind: .payment, tradeNumber: trade("P", number), payTradeNumber: nil, uid: uid, createTime: Instant(milliseconds: time),
                    addTime: TimeSpan(milliseconds: Int64.random(in: 1...8, using: &random.generator) * day * 5), amount: Money(fen: 50),
                    productID: product)
                payments.append(event)
                events.append(event)
            } else {
                let named = payments.randomElement(using: &random.generator) ?? payments[0]
                let form = Int.random(in: 0..<4, using: &random.generator)
                events.append(
                    PaymentEvent(
                        kind: .refund, tradeNumber: form == 0 ? named.tradeNumber : trade("R", number),
                        payTradeNumber: form == 1 || form == 2 ? named.tradeNumber : nil, uid: uid,
                        createTime: Instant(milliseconds: time + (form == 3 ? 1 : 0)),
                        addTime: TimeSpan(milliseconds: -Int64.random(in: 0...9, using: &random.generator) * day * 5),
                        amount: Money(fen: -10),
                        productID: named.productID))
            }
        }
        // Two contents under one identity are a conflict, which is never recorded twice.
        var seen: Set<PaymentEvent.Identity> = []
        return events.filter { seen.insert($0.identity).inserted }
    }

    private mutating func trade(_ letter: String, _ number: Int) -> TradeNumber {
        guard let trade = TradeNumber("\(letter)\(number)-\(UInt32.random(in: .min ... .max, using: &random.generator))") else {
            preconditionFailure("a letter and two numbers are a trade number")
        }
        return trade
    }
}

/// A seed with its generator, so that a failure can name the seed.
struct SeededRandomSource {
    let seed: UInt64
    var generator: SeededRandom

    init(seed: UInt64) {
        self.seed = seed
        generator = SeededRandom(seed: seed)
    }
}
