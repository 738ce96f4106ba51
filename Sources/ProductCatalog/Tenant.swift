import PGClient

/// The second wall between publishers: inside a transaction opened here the database itself shows the rows of one publisher alone.
public enum Tenant {
    /// Takes on the role that row level security binds and names the publisher, until the end of the transaction.
    public static func enter(_ publisher: Publisher.ID) -> Query<Int> {
        SQL("select set_config('market.publisher', \(publisher.description), true), set_config('role', 'market_tenant', true)").execute
    }
}

extension PGClient {
    /// A transaction that sees the rows of one publisher alone.
    public func transaction<R: Sendable>(
        of publisher: Publisher.ID, readOnly: Bool = false, attempts: Int = 3, _ body: (PGTransaction) async throws -> R
    ) async throws -> R {
        try await transaction(readOnly: readOnly, attempts: attempts) { transaction in
            _ = try await transaction.run(Tenant.enter(publisher))
            return try await body(transaction)
        }
    }

    /// One query as one publisher, in one round trip.
    public func run<O: Sendable>(_ query: Query<O>, of publisher: Publisher.ID) async throws(PGError) -> O {
        let (_, output) = try await run(Tenant.enter(publisher), query)
        return output
    }
}
