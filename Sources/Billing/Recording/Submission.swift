import ProductCatalog

/// An `order_pay` message on its way in: what it says, who sent it, and the bytes, which are kept if it cannot be applied.
public struct Submission: Sendable {
    /// Who sent it: found out when it is recorded, in the same transaction, where an inbound key says so.
    enum Sender: Hashable, Sendable {
        /// The app is the one whose inbound key brought it; nil on other channels.
        case publisher(Publisher.ID, inboundApp: App.ID?)
        case inboundKey(TokenDigest)
    }

    public let message: OrderPay
    let sender: Sender
    public let source: RecordedEvent.Source
    public let body: [UInt8]

    public init(_ message: OrderPay, publisher: Publisher.ID, inboundApp: App.ID?, source: RecordedEvent.Source, body: [UInt8]) {
        self.message = message
        sender = .publisher(publisher, inboundApp: inboundApp)
        self.source = source
        self.body = body
    }

    /// A callback of the hosted platform under an app's inbound key.
    public init(_ message: OrderPay, inboundKey: TokenDigest, body: [UInt8]) {
        self.message = message
        sender = .inboundKey(inboundKey)
        source = .inbound
        self.body = body
    }
}

/// Nobody has this inbound key: nothing that comes under it is recorded or kept.
public struct UnknownInboundKey: Error {}
