import Billing
import PGClient
import ProductCatalog

/// A small market to look at: a publisher with an app, a topic and two listed products, and the secrets to try it with.
struct DemoMarket: Sendable {
    let publisher: Publisher
    let apiKey: AccessToken
    let app: App
    let appToken: AccessToken
    let inboundKey: AccessToken
    let topic: Topic
    let products: [MessageProduct.ID]

    /// The app's number on the hosted platform, as in the platform's own documentation, so that its sample callback can be posted as it stands.
    static let externalAppID: Int64 = 30_630
    static let externalProductID: Int64 = 12
    private static let email = "tides@example.com"

    /// What the products cost, as the generator of histories has it.
    private static let plans = [
        PricePlan.Draft(name: "1 day", amount: Money(fen: 50), addTime: TimeSpan(milliseconds: 86_400_000)),
        PricePlan.Draft(name: "30 days", amount: Money(fen: 990), addTime: TimeSpan(milliseconds: 30 * 86_400_000)),
        PricePlan.Draft(name: "1 year", amount: Money(fen: 9_900), addTime: TimeSpan(milliseconds: 365 * 86_400_000)),
    ]

    /// Makes all of it. Where that is interrupted there is nothing of it, or it waits to be listed.
    static func make(in catalog: Catalog) async throws -> DemoMarket {
        let market = try await catalog.database.transaction { try await make(in: catalog, $0) }
        try await market.list(in: catalog)
        return market
    }

    private static func make(in catalog: Catalog, _ transaction: PGTransaction) async throws -> DemoMarket {
        let (publisher, key) = try await catalog.createPublisher(Publisher.Draft(name: "Tides", email: email), in: transaction)
        _ = try await transaction.run(Tenant.enter(publisher.id))
        let (app, secrets) = try await catalog.createApp(
            App.Draft(name: "潮汐表 Tide tables", description: "High and low water, every morning", externalID: externalAppID).validated(),
            of: publisher.id, in: transaction)
        let topic = try await catalog.createTopic(
            Topic.Draft(name: "大潮 Spring tides", description: nil), in: app.id, of: publisher.id, in: transaction)
        var products: [MessageProduct.ID] = []
        for (name, resources, external) in [
            ("All tides 潮汐全套", [app.id.rawValue, topic.id.rawValue], externalProductID),
            ("Spring tides 大潮提醒", [topic.id.rawValue], externalProductID + 1),
        ] {
            let draft = try MessageProduct.Draft(
                name: name, summary: "Tides of your harbour", description: "A message every morning, and before each spring tide.",
                contact: "wx: tides", resourceIDs: resources, pricePlans: plans, externalID: external)
            products.append(try await catalog.createProduct(draft, of: publisher.id, in: transaction).id)
        }
        return DemoMarket(
            publisher: publisher, apiKey: key, app: app, appToken: secrets.appToken, inboundKey: secrets.inboundKey, topic: topic,
            products: products)
    }

    /// Approves the products that wait for it.
    func list(in catalog: Catalog) async throws {
        for id in products where try await catalog.product(id, of: nil).product.listing == .pendingReview {
            _ = try await catalog.review(id, .approve(commissionBps: 1_000, reason: nil), actor: "demo")
        }
    }

    /// The demo market that is there already, with new secrets: the old ones were shown once. Nil when there is none.
    static func reopen(in catalog: Catalog) async throws -> DemoMarket? {
        guard let publisher = try await catalog.publishers(below: nil, limit: 200).last(where: { $0.email == email }),
            let app = try await catalog.apps(of: publisher.id, below: nil, limit: 1).first,
            let topic = try await catalog.topics(of: app.id, of: publisher.id, below: nil, limit: 1).first
        else { return nil }
        let products = try await catalog.products(of: publisher.id, in: nil, below: nil, limit: 2)
        guard products.count == 2 else { return nil }
        let (_, key) = try await catalog.createKey(PublisherKey.Draft(name: "market dev", scopes: [.read, .write]), of: publisher.id)
        return DemoMarket(
            publisher: publisher, apiKey: key, app: app, appToken: try await catalog.rotateAppToken(of: app.id, of: publisher.id),
            inboundKey: try await catalog.rotateInboundKey(of: app.id, of: publisher.id), topic: topic,
            products: products.map(\.id).sorted())
    }

    /// What a history of this market is made of, by the platform's numbers.
    static let sold = [
        DemoHistory.Product(appID: externalAppID, productID: externalProductID),
        DemoHistory.Product(appID: externalAppID, productID: externalProductID + 1),
    ]
}
