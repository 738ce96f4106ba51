import ProductCatalog

/// What is stored of a window: the answer, and what tells when the answer may be used or carried on without folding from the start.
public struct WindowState: Equatable, Sendable {
    public var payEndTime: Instant
    /// The latest createTime folded. As of any instant from there on, `payEndTime` is the answer.
    public var lastEventTime: Instant
    /// Payments folded; 0 for one who never paid.
    public var payments: Int
    /// Refunds folded whose payment is not known.
    public var unmatched: Int

    /// A subscriber without events.
    public static let empty = WindowState(payEndTime: .never, lastEventTime: .never, payments: 0, unmatched: 0)

    init(payEndTime: Instant, lastEventTime: Instant, payments: Int, unmatched: Int) {
        self.payEndTime = payEndTime
        self.lastEventTime = lastEventTime
        self.payments = payments
        self.unmatched = unmatched
    }

    /// The state that all of a window's events make.
    public init(folding events: some Sequence<PaymentEvent>) {
        var window = PaidWindow()
        self = .empty
        for entry in FoldOrder.sorted(events) {
            _ = window.apply(entry)
            lastEventTime = max(lastEventTime, entry.event.createTime)
            if entry.event.kind == .payment { payments += 1 }
            if !entry.paymentKnown { unmatched += 1 }
        }
        payEndTime = window.payEndTime
    }

    /// The short path: the state after one more event, without the events before it; nil where only the fold can tell.
    ///
    /// A payment later than all that was folded is the fold's last step, and that step looks at nothing but the end of the last run, which is
    /// `payEndTime`, unless a refund waits for its payment, which this one may be. A refund needs the grants, so it is always folded.
    func appending(_ event: PaymentEvent) -> WindowState? {
        guard event.kind == .payment, event.createTime > lastEventTime, unmatched == 0, payEndTime < .last else { return nil }
        let start = max(event.createTime, payEndTime)
        var next = self
        next.payEndTime = min(start + event.addTime, .last)
        next.lastEventTime = event.createTime
        next.payments += 1
        return next
    }
}
