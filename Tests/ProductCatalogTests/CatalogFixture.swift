import MarketSchema
import PGClient
import ProductCatalog
import TestSupport

/// A catalog over a fresh database, worked on as the server does.
struct CatalogFixture: Sendable {
    let database: TestDatabase
    let client: PGClient
    let catalog: Catalog

    static func with(_ body: @Sendable (CatalogFixture) async throws -> Void) async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            try await withClient(database.url) {
                $0.settings = ["role": "market_server"]
            } _: { client in
                try await body(CatalogFixture(database: database, client: client, catalog: Catalog(database: client)))
            }
        }
    }

    /// A publisher with an app and a product of it that waits for review.
    func seller(_ name: String) async throws -> (publisher: Publisher.ID, app: App.ID, product: MessageProduct) {
        let publisher = try await catalog.createPublisher(.init(name: name, email: "a@example.com")).0.id
        let app = try await catalog.createApp(.init(name: name), of: publisher).0.id
        return (publisher, app, try await catalog.createProduct(try draft(of: [app.rawValue]), of: publisher))
    }

    func draft(of resources: [Int64]) throws -> MessageProduct.Draft {
        try .init(
            name: "All tides", summary: "s", description: "d", contact: "c", resourceIDs: resources,
            pricePlans: [.init(name: "1 day", amount: Money(fen: 50), addTime: TimeSpan(milliseconds: 86_400_000))])
    }

    /// Runs SQL as market_server, or as market_tenant for a publisher; what the database answers.
    func attempt(_ sql: SQL, of publisher: Publisher.ID? = nil) async -> PGError? {
        do throws(PGError) {
            if let publisher { _ = try await client.run(sql.execute, of: publisher) } else { _ = try await client.run(sql.execute) }
            return nil
        } catch {
            return error
        }
    }
}
