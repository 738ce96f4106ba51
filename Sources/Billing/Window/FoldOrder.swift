import ProductCatalog

/// The order in which events count, which is not the order in which they come.
enum FoldOrder {
    struct Entry: Sendable {
        let event: PaymentEvent
        /// When the event counts: its createTime, but for a refund no earlier than the payment that it names.
        let time: Instant
        /// Of a refund: whether the payment that it names is among the events.
        let paymentKnown: Bool
    }

    /// Each event once, in the order that the fold takes them: by time, payments first, then by trade number.
    static func sorted(_ events: some Sequence<PaymentEvent>) -> [Entry] {
        var distinct: [PaymentEvent.Identity: PaymentEvent] = [:]
        var paid: [TradeNumber: Instant] = [:]
        for event in events where distinct.updateValue(event, forKey: event.identity) == nil && event.kind == .payment {
            paid[event.tradeNumber] = event.createTime
        }
        let entries = distinct.values.map { event in
            guard event.kind == .refund else { return Entry(event: event, time: event.createTime, paymentKnown: true) }
            let payment = paid[event.namedPayment]
            return Entry(event: event, time: max(event.createTime, payment ?? .never), paymentKnown: payment != nil)
        }
        return entries.sorted(by: precedes)
    }

    private static func precedes(_ left: Entry, _ right: Entry) -> Bool {
        if left.time != right.time { return left.time < right.time }
        if left.event.kind != right.event.kind { return left.event.kind == .payment }
        if left.event.tradeNumber != right.event.tradeNumber { return left.event.tradeNumber < right.event.tradeNumber }
        // Refunds under one number that their payment's clock moved to one instant: by their own time.
        return left.event.createTime < right.event.createTime
    }
}
