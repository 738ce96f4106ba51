import PGClient

extension Catalog {
    /// What can be bought, newest first; of products that replace one another the newest.
    public func market(_ search: Market.Search?, below: MessageProduct.ID?, limit: Int) async throws -> [Market.Entry] {
        try await database.market(search, below: below, limit: limit)
    }

    /// One listed product, also one that has been replaced.
    ///
    /// - Throws: `CatalogError.notFound`.
    public func market(_ id: MessageProduct.ID) async throws -> Market.Entry {
        guard let entry = try await database.market(id) else { throw CatalogError.notFound("product") }
        return entry
    }
}
