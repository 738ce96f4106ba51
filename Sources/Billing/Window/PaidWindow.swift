import ProductCatalog

/// The paid time of one subscriber on one resource: a pure fold of his payment events. Any order, repetition or delay of deliveries folds to the same.
///
/// - Events count by `createTime`; payments before refunds; then by trade number. A refund that names its payment counts no earlier than it.
/// - A payment after the end of the last run starts a new run; any other lengthens the last one.
/// - A refund takes back time from the grant of the payment that it names, what is left of it at most, and only while that grant is part of
///   the last run. One that names no known payment draws on the last run's grants, newest first.
/// - A run without time left is as if it had never been: the run before it is the last one again.
public struct PaidWindow: Equatable, Sendable {
    /// Oldest first; each has time left.
    public internal(set) var runs: [Run] = []

    public init() {}

    /// When the paid time ends, exclusive; `.never` (0) when none is held. No later than the wire can carry (2^53 - 1 ms).
    public var payEndTime: Instant {
        runs.last.map { min($0.end, .last) } ?? .never
    }

    /// Entitled at t: t < payEndTime, of the fold as of t.
    public func entitled(at instant: Instant) -> Bool {
        instant < payEndTime
    }

    /// The window that the events make, whatever order they are given in and however often each is repeated.
    public init(folding events: some Sequence<PaymentEvent>) {
        for entry in FoldOrder.sorted(events) {
            _ = apply(entry)
        }
    }

    /// What one event did to the window.
    public enum Effect: Equatable, Sendable {
        case startedRun
        case extendedRun
        /// The refund took this much from these trades.
        case tookBack([Taken])
        /// The named grant lies in a run before the last one, or has nothing left.
        case nothingLeft
        /// A refund when no run is held.
        case nothingHeld
    }

    public struct Taken: Equatable, Sendable {
        public let tradeNumber: TradeNumber
        public let time: TimeSpan
    }

    /// Applies the next event in fold order.
    mutating func apply(_ ordered: FoldOrder.Entry) -> Effect {
        let event = ordered.event
        switch event.kind {
        case .payment: return grant(event)
        case .refund:
            let time = TimeSpan(milliseconds: event.addTime.milliseconds == .min ? .max : -event.addTime.milliseconds)
            let effect = ordered.paymentKnown ? takeBack(time, from: event.namedPayment) : takeBack(time)
            if let run = runs.last, run.end <= run.start { runs.removeLast() }
            return effect
        }
    }

    private mutating func grant(_ event: PaymentEvent) -> Effect {
        if let last = runs.indices.last, event.createTime <= runs[last].end {
            runs[last].append(event)
            return .extendedRun
        }
        runs.append(Run(startedBy: event))
        return .startedRun
    }

    private mutating func takeBack(_ time: TimeSpan, from trade: TradeNumber) -> Effect {
        guard let last = runs.indices.last, let taken = runs[last].take(time, from: trade) else { return .nothingLeft }
        return .tookBack([taken])
    }

    private mutating func takeBack(_ time: TimeSpan) -> Effect {
        guard let last = runs.indices.last else { return .nothingHeld }
        let taken = runs[last].take(time)
        return taken.isEmpty ? .nothingLeft : .tookBack(taken)
    }
}
