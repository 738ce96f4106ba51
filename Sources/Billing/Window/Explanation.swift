import ProductCatalog

/// Why a window is what it is: the runs and grants that stand, and what each event did.
public struct Explanation: Sendable {
    public struct Step: Sendable {
        public let event: PaymentEvent
        public let recordedAt: Instant
        public let effect: PaidWindow.Effect
        public let payEndTimeAfter: Instant
        /// Of a refund: whether the payment that it names is known.
        public let paymentKnown: Bool
    }

    public let window: PaidWindow
    public let steps: [Step]

    public init(of events: [RecordedEvent]) {
        var recordedAt: [PaymentEvent.Identity: Instant] = [:]
        for recorded in events { recordedAt[recorded.event.identity] = recorded.recordedAt }
        var window = PaidWindow()
        steps = FoldOrder.sorted(events.map(\.event)).map { entry in
            let effect = window.apply(entry)
            return Step(
                event: entry.event, recordedAt: recordedAt[entry.event.identity] ?? .never, effect: effect,
                payEndTimeAfter: window.payEndTime,
                paymentKnown: entry.paymentKnown)
        }
        self.window = window
    }
}

extension Explanation.Step {
    /// The effect in words.
    public var note: String {
        let unmatched = paymentKnown ? "" : "names no known payment: "
        switch effect {
        case .startedRun: return "starts a run"
        case .extendedRun: return "extends the run"
        case .tookBack(let taken):
            return unmatched + taken.map { "takes back \($0.time.milliseconds) ms of \($0.tradeNumber)" }.joined(separator: ", ")
        case .nothingLeft: return unmatched + "takes nothing: no time of its payment is left in the present run"
        case .nothingHeld: return unmatched + "takes nothing: no time is held"
        }
    }
}
