import PGClient

extension Catalog {
    /// Makes a publisher with its first key, which has both scopes. For the operator.
    public func createPublisher(_ draft: Publisher.Draft) async throws -> (Publisher, AccessToken) {
        try await database.transaction(attempts: 3) { try await createPublisher(draft, in: $0) }
    }

    /// As above, in a transaction outside any publisher's walls.
    public func createPublisher(_ draft: Publisher.Draft, in transaction: PGTransaction) async throws -> (Publisher, AccessToken) {
        let token = AccessToken.make(.publisherKey)
        let publisher = try await transaction.run(Publisher.insert(draft))
        _ = try await transaction.run(PublisherKey.insert(.first, of: publisher.id, token: token.digest))
        return (publisher, token)
    }

    /// All publishers, newest first, below the one that the last page ended with. For the operator.
    public func publishers(below: Publisher.ID?, limit: Int) async throws -> [Publisher] {
        try await database.run(Publisher.page(below: below, limit: limit))
    }

    /// - Throws: `CatalogError.notFound`.
    public func publisher(_ id: Publisher.ID) async throws -> Publisher {
        guard let publisher = try await database.run(Publisher.with(id), of: id) else { throw CatalogError.notFound("publisher") }
        return publisher
    }

    /// The publisher's keys that are valid now, newest first.
    public func keys(of publisher: Publisher.ID, below: PublisherKey.ID?, limit: Int) async throws -> [PublisherKey] {
        try await database.run(PublisherKey.page(of: publisher, below: below, limit: limit), of: publisher)
    }

    /// Makes a further key.
    public func createKey(_ draft: PublisherKey.Draft, of publisher: Publisher.ID) async throws -> (PublisherKey, AccessToken) {
        try await alone(publisher) { try await createKey(draft, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func createKey(
        _ draft: PublisherKey.Draft, of publisher: Publisher.ID, in transaction: PGTransaction
    ) async throws -> (PublisherKey, AccessToken) {
        let token = AccessToken.make(.publisherKey)
        return (try await transaction.run(PublisherKey.insert(draft, of: publisher, token: token.digest)), token)
    }

    /// Revokes a key: it opens nothing from the commit on.
    ///
    /// - Throws: `CatalogError.notFound` also when it is revoked already; `lastWriteKey`.
    public func revokeKey(_ id: PublisherKey.ID, of publisher: Publisher.ID) async throws {
        try await alone(publisher) { try await revokeKey(id, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func revokeKey(_ id: PublisherKey.ID, of publisher: Publisher.ID, in transaction: PGTransaction) async throws {
        let keys = try await transaction.run(PublisherKey.locked(of: publisher))
        guard let key = keys.first(where: { $0.id == id }) else { throw CatalogError.notFound("key") }
        guard !key.scopes.contains(.write) || keys.contains(where: { $0.id != id && $0.scopes.contains(.write) }) else {
            throw CatalogError.lastWriteKey(id)
        }
        guard try await transaction.run(PublisherKey.revoke(id, of: publisher)) == 1 else { throw CatalogError.notFound("key") }
    }
}
