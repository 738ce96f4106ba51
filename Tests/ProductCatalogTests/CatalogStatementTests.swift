import Foundation
import MarketSchema
import PGClient
import TestSupport
import Testing

@testable import ProductCatalog

/// Every statement of the catalog, by who runs it.
private let statements: StatementList = {
    let publisher = Publisher.ID(rawValue: 1)
    let app = App.ID(rawValue: 2)
    let product = MessageProduct.ID(rawValue: 3)
    let key = PublisherKey.ID(rawValue: 4)
    let token = TokenDigest(of: "AT_sample")
    let appDraft = App.Draft(
        name: "Tide tables", callbackURL: "https://example.com", contact: "c", followTip: "f", description: "d", externalID: 30_630)
    let move = Listing.Move(
        number: 2, from: .pendingReview, to: .listed, at: .never, actor: "operator", reason: "good", commissionBps: 1_000)
    return StatementList(
        [
            .init(Tenant.enter(publisher), as: .server),
            .init(tokenOwners([token]), as: .server),
            .init(Publisher.page(below: publisher, limit: 10), as: .server),
            .init(Publisher.with(publisher), as: .tenant),
            .init(PublisherKey.page(of: publisher, below: key, limit: 10), as: .tenant),
            .init(PublisherKey.locked(of: publisher), as: .tenant),
            .init(PublisherKey.revoke(key, of: publisher), as: .tenant),
            .init(App.insert(appDraft, of: publisher, secrets: App.Secrets()), as: .tenant),
            .init(App.page(of: publisher, below: app, limit: 10), as: .tenant),
            .init(App.with(app, of: publisher), as: .tenant),
            .init(App.locked(app, of: publisher), as: .tenant),
            .init(App.update(app, of: publisher, to: appDraft), as: .tenant),
            .init(App.replaceToken(of: app, of: publisher, with: token), as: .tenant),
            .init(App.replaceInboundKey(of: app, of: publisher, with: token), as: .tenant),
            // Of resources, topics alone have an app, and a constraint says so.
            .init(Topic.page(of: app, of: publisher, below: Topic.ID(rawValue: 5), limit: 10), as: .tenant, neverNull: ["app_id"]),
            .init(Resource.with(.init(rawValue: 2)), as: .server),
            .init(Resource.bundled(in: product), as: .server, .tenant),
            .init(MessageProduct.firstForeign(among: [.init(rawValue: 2)], of: publisher), as: .tenant),
            .init(MessageProduct.with(product), as: .server, reading: [10: "listed"]),
            .init(MessageProduct.with(product, of: publisher), as: .tenant, reading: [10: "listed"]),
            .init(
                MessageProduct.page(of: publisher, in: .listed, below: product, limit: 10), as: .server, .tenant, reading: [10: "listed"]),
            .init(Listing.history(of: product), as: .server, .tenant, reading: [2: "listed"]),
            .init(Listing.last(of: product), as: .server, .tenant, reading: [2: "listed"]),
            .init(Listing.append(move, to: .delisted, of: product, commissionBps: 1, actor: "a", reason: "r"), as: .server, .tenant),
            .init(Market.page(Market.Search("tide"), below: product, limit: 10), as: .server),
            .init(Market.listed(product), as: .server),
        ] + drafts(publisher, app, token))
}()

/// Those that take drafts, which are checked when they are made.
private func drafts(_ publisher: Publisher.ID, _ app: App.ID, _ token: TokenDigest) -> [ListedStatement] {
    do {
        let product = try MessageProduct.Draft(
            name: "n", summary: "s", description: "d", contact: "c", resourceIDs: [2],
            pricePlans: [.init(name: "1 day", amount: Money(fen: 50), addTime: TimeSpan(milliseconds: 86_400_000))], replaces: 3,
            externalID: 12)
        return [
            .init(Publisher.insert(try .init(name: "Tides", email: "t@example.com")), as: .server),
            .init(
                PublisherKey.insert(try .init(name: "k", scopes: [.read]), of: publisher, token: token), as: .server, .tenant),
            .init(Topic.insert(try .init(name: "t", description: "d"), in: app, of: publisher), as: .tenant, neverNull: ["app_id"]),
            .init(MessageProduct.create(product, hash: try ContentHash(of: product, by: publisher), of: publisher), as: .tenant),
        ]
    } catch {
        preconditionFailure("a sample breaks a rule: \(error)")
    }
}

/// The authenticator's look-up, which is private to it: its text is compared with the source's.
private func tokenOwners(_ digests: [TokenDigest]) -> Query<[(Int, Publisher.ID, PublisherKey.ID?, [String]?, App.ID?)]> {
    SQL(
        """
        select t.n, k.publisher_id, k.id, k.scopes, null::bigint
        from unnest(\(digests)) with ordinality t(digest, n)
        join publisher_key k on k.token_sha256 = t.digest and k.revoked_at is null
        union all
        select t.n, a.publisher_id, null, null, a.id
        from unnest(\(digests)) with ordinality t(digest, n)
        join app a on a.token_sha256 = t.digest
        """
    ).values((Int, Publisher.ID, PublisherKey.ID?, [String]?, App.ID?).self)
}

@Suite struct CatalogStatementTests {
    @Test("every statement of the catalog fits the schema, sends and reads the types that are due, and is allowed to who runs it")
    func shapes() async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            let faults = try await statements.faults(on: database)
            #expect(faults == [])
        }
    }

    @Test("no statement of the catalog's sources is missing above")
    func listed() throws {
        let differences = try statements.differences(from: sources(of: "ProductCatalog"))
        #expect(differences == [])
    }
}
