/// What can be sold: an app (messages to one person) or a topic (messages to all who follow). One sequence of ids serves both.
public struct Resource: Sendable {
    public typealias ID = Identifier<Resource>

    /// Numbered as `resourceType` of the hosted platform's query-pay-end-time.
    public enum Kind: Int16, Sendable {
        case app = 1
        case topic = 2
    }

    public let id: ID
    public let kind: Kind
    public let publisherID: Publisher.ID
    /// The app that a topic belongs to; an app's own id.
    public let appID: App.ID
    public let name: String
}
