import ProductCatalog
import TestSupport

@testable import Billing

extension ReferenceFold {
    /// The end of the window of these events, by the reference.
    static func payEndTime(_ events: [PaymentEvent]) -> Int64 {
        payEndTime(
            events.map { event in
                Event(
                    isRefund: event.kind == .refund, trade: event.tradeNumber.text, payTrade: event.payTradeNumber?.text,
                    createTime: event.createTime.milliseconds, addTime: event.addTime.milliseconds)
            })
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
