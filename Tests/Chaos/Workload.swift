import TestSupport

/// What is sent in one round: message number n is the same for the same seed, whatever became of those before it.
struct Workload: Sendable {
    let seed: UInt64
    /// Stands in every trade number, so that what a round stored can be told from all else.
    let round: Int

    /// So many subscribers share so many messages, and the next ones are others: few enough that most have a history to fold, many enough that a
    /// reference of quadratic cost can follow.
    private static let subscribers = 64
    private static let block = 1_000
    /// One payment in so many is of a product that nobody knows, and so are its refunds.
    private static let strangers = 50
    private static let day: Int64 = 86_400_000
    /// 2020-09-13, and three years from then on: what is late and what is early comes in any order.
    private static let start: Int64 = 1_600_000_000_000
    private static let length = 1_000 * day

    /// Begins every trade number of the round.
    var prefix: String { "CHAOS\(round)-" }

    /// One in twelve is an earlier message again, word for word.
    func message(_ number: Int) -> Message {
        var random = generator(number, purpose: 0)
        if number > 0, Int.random(in: 0..<12, using: &random) == 0 {
            return distinct(number - 1 - Int.random(in: 0..<min(number, 50), using: &random))
        }
        return distinct(number)
    }

    /// A payment, or, one in five, a refund of one of the forty messages before it.
    private func distinct(_ number: Int) -> Message {
        var random = generator(number, purpose: 1)
        guard let payment = refunded(number, using: &random) else { return self.payment(number) }
        var refund = payment
        refund.isRefund = true
        // The number in the time keeps two refunds of one payment apart: under one trade number the time is all that does.
        refund.createTime += 1 + Int64(number) + Self.day * Int64.random(in: 0..<30, using: &random)
        refund.addTime = -payment.addTime / Int64.random(in: 1...4, using: &random)
        refund.amount = -payment.amount / Int64.random(in: 1...4, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: break  // Under the payment's own number, as the hosted platform may send it.
        case 1:
            refund.trade = "\(prefix)R\(number)"
            refund.payTrade = payment.trade
        default: refund.trade = "\(prefix)R\(number)"  // Names nobody.
        }
        return refund
    }

    private func refunded(_ number: Int, using random: inout SeededRandom) -> Message? {
        guard number >= 8, isRefund(number) else { return nil }
        // The nearest payment at or before the one that was drawn; the first eight are payments.
        var candidate = max(0, number - Int.random(in: 1...40, using: &random))
        while isRefund(candidate) { candidate -= 1 }
        return payment(candidate)
    }

    private func isRefund(_ number: Int) -> Bool {
        guard number >= 8 else { return false }
        var random = generator(number, purpose: 2)
        return Int.random(in: 0..<5, using: &random) == 0
    }

    private func payment(_ number: Int) -> Message {
        var random = generator(number, purpose: 3)
        let (amount, days) = [(50, 1), (990, 30), (9_900, 365)].randomElement(using: &random) ?? (50, 1)
        let subscriber = number / Self.block * Self.subscribers + Int.random(in: 0..<Self.subscribers, using: &random)
        let isStrange = Int.random(in: 0..<Self.strangers, using: &random) == 0
        return Message(
            isRefund: false, uid: "UID_\(round)_\(subscriber)", trade: "\(prefix)P\(number)", payTrade: nil,
            createTime: Self.start + Int64.random(in: 0..<Self.length, using: &random), addTime: Int64(days) * Self.day,
            amount: Int64(amount), product: isStrange ? Message.unknown : Bool.random(using: &random) ? Message.bundle : Message.topicAlone)
    }

    private func generator(_ number: Int, purpose: UInt64) -> SeededRandom {
        var mixed = SeededRandom(seed: seed ^ UInt64(round) &* 0x9e37_79b9_7f4a_7c15 ^ UInt64(number) << 3 ^ purpose)
        return SeededRandom(seed: mixed.next())
    }
}

/// An order_pay message, by the numbers of the hosted platform.
struct Message: Sendable, Hashable {
    var isRefund: Bool
    var uid: String
    var trade: String
    var payTrade: String?
    var createTime: Int64
    var addTime: Int64
    var amount: Int64
    var product: Int64

    /// The demo market's app, its product of app and topic, and the one of the topic alone (`market demo seed`).
    static let app: Int64 = 30_630
    static let bundle: Int64 = 12
    static let topicAlone: Int64 = 13
    /// A product that nobody has made.
    static let unknown: Int64 = 99

    /// Whether it is to be recorded; else it is to be kept.
    var isKnown: Bool { product != Self.unknown }

    /// What makes it the same event for ever.
    struct Identity: Hashable, Sendable, CustomStringConvertible {
        let trade: String
        /// 0 for a payment.
        let refundTime: Int64

        var description: String { refundTime == 0 ? trade : "\(trade)@\(refundTime)" }
    }

    var identity: Identity { Identity(trade: trade, refundTime: isRefund ? createTime : 0) }

    var callback: String { #"{"action":"order_pay","data":\#(data)}"# }

    var data: String {
        let named = payTrade.map { #","payTradeNo":"\#($0)""# } ?? ""
        return #"{"addTime":\#(addTime),"amount":\#(amount),"appId":\#(Self.app),"createTime":\#(createTime),"prodId":\#(product),"#
            + #""tradeNo":"\#(trade)","type":\#(isRefund ? 2 : 1),"uid":"\#(uid)"\#(named)}"#
    }

    var reference: ReferenceFold.Event {
        .init(isRefund: isRefund, trade: trade, payTrade: payTrade, createTime: createTime, addTime: addTime)
    }
}
