/// What a message must keep its place in the order of arrival for: its subscriber, its trade number, and that of the payment which a refund names.
///
/// Hashes, which are cheaper to hold than the texts: two things that collide are kept in order needlessly, no more.
struct OrderKeys: Sendable {
    private let subscriber: Int
    private let trade: Int
    private let payment: Int?

    init(_ message: OrderPay) {
        subscriber = Self.key(0, message.uid)
        trade = Self.key(1, message.tradeNo)
        payment = message.payTradeNo.map { Self.key(1, $0) }
    }

    private static func key(_ kind: Int, _ text: String) -> Int {
        var hasher = Hasher()
        hasher.combine(kind)
        hasher.combine(text)
        return hasher.finalize()
    }

    /// The keys of messages that are before others.
    struct Taken: Sendable {
        private var keys: Set<Int> = []

        func isDisjoint(from message: OrderKeys) -> Bool {
            !keys.contains(message.subscriber) && !keys.contains(message.trade) && !(message.payment.map(keys.contains) ?? false)
        }

        mutating func insert(_ message: OrderKeys) {
            keys.insert(message.subscriber)
            keys.insert(message.trade)
            if let payment = message.payment { keys.insert(payment) }
        }

        mutating func remove(_ message: OrderKeys) {
            keys.remove(message.subscriber)
            keys.remove(message.trade)
            if let payment = message.payment { keys.remove(payment) }
        }
    }
}
