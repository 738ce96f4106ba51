/// What the catalog refuses, as facts of the domain.
public enum CatalogError: Error, Sendable {
    /// There is no such thing, or it belongs to somebody else: the two are not told apart.
    case notFound(String)
    /// Another app or product of the publisher carries this externalId already.
    case externalIDTaken(Int64)
    /// The listing does not allow this move from where it stands.
    case moveNotAllowed(from: Listing.State, to: Listing.State)
    /// Others moved the product again and again while this move was tried.
    case moveContended(MessageProduct.ID)
    /// A product can bundle only resources of its own publisher.
    case unknownResource(Resource.ID, index: Int)
    /// `replaces` must name a product of the same publisher.
    case unknownReplaced(MessageProduct.ID)
    /// Without a key of scope write the publisher could never make another.
    case lastWriteKey(PublisherKey.ID)
}
