/// Who is calling, by the token sent.
public enum Principal: Sendable, Hashable {
    /// Runs the market.
    case operatorToken
    /// Acts for a publisher within the scopes of a key.
    case publisher(Publisher.ID, scopes: Set<PublisherKey.Scope>, key: PublisherKey.ID)
    /// Asks for entitlements of one app and its topics.
    case app(App.ID, publisher: Publisher.ID)
}
