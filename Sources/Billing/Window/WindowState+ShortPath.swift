import ProductCatalog

/// The short path: the state after one more event, without the events before it. Where only the fold can tell it answers nil, and the fold decides;
/// where it answers, it is what the fold says (PaidWindowPropertyTests).
extension WindowState {
    /// What a window knows of a trade: of the one that a payment is, or that a refund names.
    struct Trade {
        var payment: PaymentEvent?
        var refunds: [PaymentEvent]

        /// What is left of a grant: refunds together take no more than it.
        func left(of payment: PaymentEvent) -> TimeSpan {
            var left = payment.addTime.milliseconds
            for refund in refunds { left -= min(left, Self.time(of: refund)) }
            return TimeSpan(milliseconds: left)
        }

        /// The time that a refund asks back, never negative.
        static func time(of refund: PaymentEvent) -> Int64 { Int64(clamping: refund.addTime.milliseconds.magnitude) }
    }

    /// - Parameter trade: all that the window knows, before the event, of the trade that it is or names.
    func appending(_ event: PaymentEvent, trade: Trade) -> WindowState? {
        // An end that is past what can be told hides the real one.
        guard payEndTime < .last else { return nil }
        var next: WindowState?
        switch (event.kind, trade.payment) {
        case (.payment, _):
            // A refund that has waited for this payment draws on something else from now on.
            guard trade.refunds.isEmpty else { return nil }
            next = event.createTime > lastEventTime ? afterNewest(event) : afterLate(event)
        case (.refund, _) where event.createTime <= lastEventTime: return nil
        case (.refund, let payment?): next = after(event, of: payment, left: trade.left(of: payment))
        case (.refund, nil): next = afterUnmatched(event)
        }
        next?.lastEventTime = max(lastEventTime, event.createTime)
        return next
    }

    /// A payment later than all that was folded is the fold's last step, and that step looks at nothing but the end of the last run.
    private func afterNewest(_ payment: PaymentEvent) -> WindowState {
        var next = self
        if payEndTime == .never || payment.createTime > payEndTime { next.plainSince = payment.createTime }
        next.payEndTime = min(max(payment.createTime, payEndTime) + payment.addTime, .last)
        next.payments += 1
        return next
    }

    /// A payment that comes late, into the last run: it lengthens the run by what it bought, because each event behind it still does what it did: a
    /// payment finds the run longer, and a refund takes what it names from the run that it took it from.
    private func afterLate(_ payment: PaymentEvent) -> WindowState? {
        guard plainSince != .never, payment.createTime > plainSince, payment.createTime <= payEndTime else { return nil }
        var next = self
        next.payEndTime = min(payEndTime + payment.addTime, .last)
        next.payments += 1
        return next
    }

    /// A refund later than all that was folded, of a payment in the last run, that leaves the run some time; or that takes back all there ever was.
    private func after(_ refund: PaymentEvent, of payment: PaymentEvent, left: TimeSpan) -> WindowState? {
        guard plainSince != .never, payment.createTime >= plainSince, payment.createTime <= refund.createTime else { return nil }
        let taken = min(left.milliseconds, Trade.time(of: refund))
        var next = self
        if payments == 1, payEndTime.milliseconds - taken == payment.createTime.milliseconds {
            (next.payEndTime, next.plainSince) = (.never, .never)
            return next
        }
        guard taken > 0, payEndTime.milliseconds - taken > plainSince.milliseconds else { return nil }
        next.payEndTime = Instant(milliseconds: payEndTime.milliseconds - taken)
        return next
    }

    /// A refund later than all that was folded that names no known payment, and leaves the last run some time: it draws on whatever the run has.
    private func afterUnmatched(_ refund: PaymentEvent) -> WindowState? {
        var next = self
        next.unmatched += 1
        guard payEndTime != .never else { return next }
        guard plainSince != .never, payEndTime.milliseconds - Trade.time(of: refund) > plainSince.milliseconds else { return nil }
        next.payEndTime = Instant(milliseconds: payEndTime.milliseconds - Trade.time(of: refund))
        // A grant from before may have less left than its own refunds took.
        next.plainSince = Self.plain(after: refund.createTime)
        return next
    }
}
