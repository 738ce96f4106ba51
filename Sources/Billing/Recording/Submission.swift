import ProductCatalog

/// An `order_pay` message on its way in: what it says, who sent it, and the bytes, which are kept if it cannot be applied.
public struct Submission: Sendable {
    public let message: OrderPay
    public let publisherID: Publisher.ID
    /// The app whose inbound key brought it; nil on other channels.
    public let inboundAppID: App.ID?
    public let source: RecordedEvent.Source
    public let body: [UInt8]

    public init(_ message: OrderPay, publisher: Publisher.ID, inboundApp: App.ID?, source: RecordedEvent.Source, body: [UInt8]) {
        self.message = message
        publisherID = publisher
        inboundAppID = inboundApp
        self.source = source
        self.body = body
    }
}

/// What became of a submission. Each but a refusal by the database means that it is durable.
public enum RecordOutcome: Sendable, Equatable {
    /// New, and applied to its windows.
    case recorded
    /// Known already, word for word; nothing changed.
    case duplicate
    /// Kept for a person, not applied.
    case quarantined(QuarantineReason, detail: String, id: QuarantinedMessage.ID)
}

/// Why something that was sent is not applied.
public enum QuarantineReason: String, Sendable, CaseIterable {
    /// The same identity as a recorded event, with another content.
    case conflict
    /// The product, or the app, is not known (yet).
    case unknownProduct = "unknown_product"
    /// Well formed, but breaks a rule.
    case invalid
    /// Not of the shape of an event at all.
    case malformed
    /// Larger than what is taken; the beginning is kept.
    case oversized
    /// An action that we do not know; kept, and nothing is expected of anybody.
    case unknownAction = "unknown_action"
}
