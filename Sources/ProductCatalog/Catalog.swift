import PGClient

/// The catalog's verbs: what publishers and the operator do with publishers, keys, apps, topics and products.
///
/// What belongs to a publisher is read and written inside his walls (`Tenant`). Every verb that writes is there twice: alone, and inside a
/// transaction that the caller has opened, for the publisher if it is a publisher's verb, so that other writes can share its fate.
public struct Catalog: Sendable {
    public let database: PGClient

    public init(database: PGClient) {
        self.database = database
    }

    /// Runs a publisher's verb in a transaction of its own.
    func alone<R: Sendable>(_ publisher: Publisher.ID, _ body: (PGTransaction) async throws -> R) async throws -> R {
        try await database.transaction(of: publisher, body)
    }
}
