import ProductCatalog

/// What is stored of a window: the answer, and what tells when the answer may be used or carried on without folding from the start.
public struct WindowState: Equatable, Sendable {
    public var payEndTime: Instant
    /// The latest createTime folded. As of any instant from there on, `payEndTime` is the answer.
    public var lastEventTime: Instant
    /// When the last run started, while every event since then has lengthened it or has taken back from it what it named: then the run's start and
    /// end say all that the next step needs to know of it. `.never` where that is not so, or nothing is held.
    public var runStart: Instant
    /// Payments folded; 0 for one who never paid.
    public var payments: Int
    /// Refunds folded whose payment is not known.
    public var unmatched: Int

    /// A subscriber without events.
    public static let empty = WindowState(payEndTime: .never, lastEventTime: .never, runStart: .never, payments: 0, unmatched: 0)

    /// The state that all of a window's events make.
    public init(folding events: some Sequence<PaymentEvent>) {
        var window = PaidWindow()
        self = .empty
        for entry in FoldOrder.sorted(events) {
            let effect = window.apply(entry)
            lastEventTime = max(lastEventTime, entry.event.createTime)
            if entry.event.kind == .payment { payments += 1 }
            if !entry.paymentKnown { unmatched += 1 }
            switch effect {
            case .startedRun: runStart = entry.event.createTime
            case .extendedRun: break
            case .tookBack: if !entry.paymentKnown || window.runs.last?.start != runStart { runStart = .never }
            case .nothingLeft, .nothingHeld: runStart = .never
            }
        }
        payEndTime = window.payEndTime
    }
}

extension WindowState {
    init(payEndTime: Instant, lastEventTime: Instant, runStart: Instant, payments: Int, unmatched: Int) {
        self.payEndTime = payEndTime
        self.lastEventTime = lastEventTime
        self.runStart = runStart
        self.payments = payments
        self.unmatched = unmatched
    }
}
