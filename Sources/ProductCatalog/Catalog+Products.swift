import PGClient

/// A product with what stands around it: its resources by name, and how its listing moved.
public struct ProductDetail: Sendable {
    public let product: MessageProduct
    public let resources: [Resource]
    public let history: [Listing.Move]
}

extension Catalog {
    /// Makes a product; it waits for review.
    ///
    /// - Throws: `CatalogError.unknownResource`, `unknownReplaced`, `externalIDTaken`.
    public func createProduct(_ draft: MessageProduct.Draft, of publisher: Publisher.ID) async throws -> MessageProduct {
        try await alone(publisher) { try await createProduct(draft, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func createProduct(
        _ draft: MessageProduct.Draft, of publisher: Publisher.ID, in transaction: PGTransaction
    ) async throws -> MessageProduct {
        // Asked beforehand, since a transaction in which the constraint has refused can be asked nothing more; resources never go away.
        if let index = try await transaction.run(MessageProduct.firstForeign(among: draft.resourceIDs, of: publisher)) {
            throw CatalogError.unknownResource(draft.resourceIDs[index], index: index)
        }
        let hash = try ContentHash(of: draft, by: publisher)
        let id: MessageProduct.ID
        do throws(PGError) {
            id = try await transaction.run(MessageProduct.create(draft, hash: hash, of: publisher))
        } catch {
            throw Self.translated(error, draft)
        }
        guard let product = try await transaction.run(MessageProduct.with(id, of: publisher)) else {
            throw CatalogError.notFound("product")
        }
        return product
    }

    private static func translated(_ error: PGError, _ draft: MessageProduct.Draft) -> any Error {
        switch (error.constraint, draft.replaces, draft.externalID) {
        case ("product_replaces_own", let replaced?, _): CatalogError.unknownReplaced(replaced)
        case ("product_external_id_unique", _, let externalID?): CatalogError.externalIDTaken(externalID)
        default: error
        }
    }

    /// Products, newest first: one publisher's, or all publishers' for the operator (nil).
    public func products(
        of publisher: Publisher.ID?, in state: Listing.State?, below: MessageProduct.ID?, limit: Int
    ) async throws -> [MessageProduct] {
        let page = MessageProduct.page(of: publisher, in: state, below: below, limit: limit)
        guard let publisher else { return try await database.run(page) }
        return try await database.run(page, of: publisher)
    }

    /// One product with its history: one of the publisher's, or any for the operator (nil).
    ///
    /// - Throws: `CatalogError.notFound`.
    public func product(_ id: MessageProduct.ID, of publisher: Publisher.ID?) async throws -> ProductDetail {
        let (found, resources, history): (MessageProduct?, [Resource], [Listing.Move])
        if let publisher {
            (_, found, resources, history) = try await database.run(
                Tenant.enter(publisher), MessageProduct.with(id, of: publisher), Resource.bundled(in: id), Listing.history(of: id))
        } else {
            (found, resources, history) = try await database.run(MessageProduct.with(id), Resource.bundled(in: id), Listing.history(of: id))
        }
        guard let found else { throw CatalogError.notFound("product") }
        return ProductDetail(product: found, resources: resources, history: history)
    }
}
