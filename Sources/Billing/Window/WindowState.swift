import ProductCatalog

/// What is stored of a window: the answer, and what tells when the answer may be used or carried on without folding from the start.
public struct WindowState: Equatable, Sendable {
    public var payEndTime: Instant
    /// The latest createTime folded. As of any instant from there on, `payEndTime` is the answer.
    public var lastEventTime: Instant
    /// The last run's start, or the instant after the last event behind it that did not just lengthen that run or take back from it what it named: a
    /// refund that named nobody, or of what was not there, or that ended a run. From there on each event has done one of these two, and this and the run's
    /// end say all that the next step needs to know. `.never` where nothing is held; and where it is not known, which has the next event folded.
    public var plainSince: Instant
    /// Payments folded; 0 for one who never paid.
    public var payments: Int
    /// Refunds folded whose payment is not known.
    public var unmatched: Int

    /// A subscriber without events.
    public static let empty = WindowState(payEndTime: .never, lastEventTime: .never, plainSince: .never, payments: 0, unmatched: 0)

    /// The state that all of a window's events make.
    public init(folding events: some Sequence<PaymentEvent>) {
        var window = PaidWindow()
        self = .empty
        for entry in FoldOrder.sorted(events) {
            let runs = window.runs.count
            let effect = window.apply(entry)
            lastEventTime = max(lastEventTime, entry.event.createTime)
            if entry.event.kind == .payment { payments += 1 }
            if !entry.paymentKnown { unmatched += 1 }
            switch effect {
            case .startedRun: plainSince = entry.event.createTime
            case .extendedRun: break
            case .tookBack where entry.paymentKnown && window.runs.count == runs: break
            case .tookBack, .nothingLeft, .nothingHeld: plainSince = window.runs.isEmpty ? .never : Self.plain(after: entry.time)
            }
        }
        payEndTime = window.payEndTime
    }

    /// The first instant behind an odd event: what stands at its own may have been before it.
    static func plain(after odd: Instant) -> Instant { min(odd + TimeSpan(milliseconds: 1), .last) }
}

extension WindowState {
    init(payEndTime: Instant, lastEventTime: Instant, plainSince: Instant, payments: Int, unmatched: Int) {
        self.payEndTime = payEndTime
        self.lastEventTime = lastEventTime
        self.plainSince = plainSince
        self.payments = payments
        self.unmatched = unmatched
    }
}
