import ProductCatalog

/// One immutable `order_pay` fact: a payment or a refund, valid by construction.
public struct PaymentEvent: Hashable, Sendable {
    /// Numbered as the platform's `type`.
    public enum Kind: Int16, Sendable {
        case payment = 1
        case refund = 2
    }

    /// What makes an event the same event for ever: a payment is its trade number; a refund its trade number and time, because the
    /// hosted platform may send several partial refunds under the payment's own number.
    public struct Identity: Hashable, Sendable {
        public let tradeNumber: TradeNumber
        /// createTime of a refund, 1970 for a payment.
        public let refundTime: Instant
    }

    public let kind: Kind
    public let tradeNumber: TradeNumber
    /// The payment that a refund names; nil when it names none but by its own trade number.
    public let payTradeNumber: TradeNumber?
    public let uid: UID
    public let createTime: Instant
    /// What the window gains; negative or zero on a refund.
    public let addTime: TimeSpan
    /// Negative or zero on a refund.
    public let amount: Money
    public let productID: MessageProduct.ID

    /// Takes what was validated already: by `init(_:product:now:)` at the border, or by the database's constraints.
    init(
        kind: Kind, tradeNumber: TradeNumber, payTradeNumber: TradeNumber?, uid: UID, createTime: Instant, addTime: TimeSpan, amount: Money,
        productID: MessageProduct.ID
    ) {
        self.kind = kind
        self.tradeNumber = tradeNumber
        // Naming oneself says what naming nobody says; one spelling, so that equal events compare equal.
        self.payTradeNumber = payTradeNumber == tradeNumber ? nil : payTradeNumber
        self.uid = uid
        self.createTime = createTime
        self.addTime = addTime
        self.amount = amount
        self.productID = productID
    }

    public var identity: Identity {
        Identity(tradeNumber: tradeNumber, refundTime: kind == .refund ? createTime : .never)
    }

    /// The payment that a refund is about.
    public var namedPayment: TradeNumber { payTradeNumber ?? tradeNumber }
}

extension PaymentEvent {
    /// The first instant that an event may carry: 2015-01-01T00:00:00Z, before the hosted platform was.
    public static let earliest = Instant(milliseconds: 1_420_070_400_000)

    /// How far ahead of our clock a sender's may run: 5 minutes.
    public static let clockSkew = TimeSpan(milliseconds: 300_000)

    /// An event made of what a sender wrote, once its product is known.
    ///
    /// - Parameter now: our clock, which `createTime` may outrun by five minutes.
    /// - Throws: `InvalidFields` with each rule that the message breaks.
    public init(_ message: OrderPay, product: MessageProduct.ID, now: Instant) throws(InvalidFields) {
        var check = FieldCheck()
        let kind = Kind(rawValue: Int16(clamping: message.type))
        let tradeNumber = TradeNumber(message.tradeNo)
        let payTradeNumber = message.payTradeNo.flatMap(TradeNumber.init)
        let uid = UID(message.uid)
        check.require(kind != nil, "type", "1 for a payment, 2 for a refund")
        check.require(tradeNumber != nil, "tradeNo", "6 to 64 of 0-9 A-Z a-z _ - | * @")
        check.require(message.payTradeNo == nil || payTradeNumber != nil, "payTradeNo", "6 to 64 of 0-9 A-Z a-z _ - | * @")
        check.require(uid != nil, "uid", "1 to 64 of 0-9 A-Z a-z _ - . @ | * :")
        check.require(
            message.createTime >= Self.earliest.milliseconds && message.createTime <= (now + Self.clockSkew).milliseconds, "createTime",
            "from 2015 to five minutes from now, in milliseconds")
        check.require(message.amount.magnitude <= UInt64(WireInteger.max), "amount", "no more than 9007199254740991 fen")
        switch kind {
        case .payment:
            check.require(message.addTime > 0, "addTime", "a payment adds time: > 0")
            check.require(message.addTime <= TimeSpan.longest.milliseconds, "addTime", "at most 100 years: 3153600000000 ms")
            check.require(message.amount >= 0, "amount", "a payment is no less than 0 fen")
            check.require(message.payTradeNo == nil, "payTradeNo", "only a refund names a payment")
        case .refund:
            check.require(message.addTime <= 0, "addTime", "a refund takes time back: <= 0")
            check.require(message.addTime >= -TimeSpan.longest.milliseconds, "addTime", "at most 100 years: -3153600000000 ms")
            check.require(message.amount <= 0, "amount", "a refund is no more than 0 fen")
        case nil: break
        }
        try check.finish()
        guard let kind, let tradeNumber, let uid else { preconditionFailure("a message without violations has all of its parts") }
        self.init(
            kind: kind, tradeNumber: tradeNumber, payTradeNumber: payTradeNumber, uid: uid,
            createTime: Instant(milliseconds: message.createTime), addTime: TimeSpan(milliseconds: message.addTime),
            amount: Money(fen: message.amount), productID: product)
    }
}
