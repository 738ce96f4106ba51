import Billing
import Foundation
import PGClient
import ProductCatalog

/// A small market to look at: a publisher with an app, a topic and two listed products, and the secrets to try it with.
struct DemoMarket: Sendable {
    let publisher: Publisher
    let apiKey: AccessToken
    let app: App
    let secrets: App.Secrets
    let topic: Topic
    let products: [MessageProduct.ID]

    /// The app's number on the hosted platform, as in the platform's own documentation, so that its sample callback can be posted as it stands.
    static let externalAppID: Int64 = 30_630
    static let externalProductID: Int64 = 12

    /// What the products cost, as the generator of histories has it.
    static func make(in catalog: Catalog) async throws -> DemoMarket {
        let (publisher, key) = try await catalog.createPublisher(Publisher.Draft(name: "Tides", email: "tides@example.com"))
        let (app, secrets) = try await catalog.createApp(
            App.Draft(name: "潮汐表 Tide tables", description: "High and low water, every morning", externalID: externalAppID).validated(), of: publisher.id)
        let topic = try await catalog.createTopic(Topic.Draft(name: "大潮 Spring tides", description: nil), in: app.id, of: publisher.id)
        let plans = [
            PricePlan.Draft(name: "1 day", amount: Money(fen: 50), addTime: TimeSpan(milliseconds: 86_400_000)),
            PricePlan.Draft(name: "30 days", amount: Money(fen: 990), addTime: TimeSpan(milliseconds: 30 * 86_400_000)),
            PricePlan.Draft(name: "1 year", amount: Money(fen: 9_900), addTime: TimeSpan(milliseconds: 365 * 86_400_000)),
        ]
        var products: [MessageProduct.ID] = []
        for (name, resources, external) in [
            ("All tides 潮汐全套", [app.id.rawValue, topic.id.rawValue], externalProductID), ("Spring tides 大潮提醒", [topic.id.rawValue], externalProductID + 1),
        ] {
            let draft = try MessageProduct.Draft(
                name: name, summary: "Tides of your harbour", description: "A message every morning, and before each spring tide.",
                contact: "wx: tides", resourceIDs: resources, pricePlans: plans, externalID: external)
            let product = try await catalog.createProduct(draft, of: publisher.id)
            _ = try await catalog.review(product.id, .approve(commissionBps: 1_000, reason: nil), actor: "demo")
            products.append(product.id)
        }
        return DemoMarket(publisher: publisher, apiKey: key, app: app, secrets: secrets, topic: topic, products: products)
    }

    /// What a history of this market is made of, by the platform's numbers.
    static let sold = [
        DemoHistory.Product(appID: externalAppID, productID: externalProductID),
        DemoHistory.Product(appID: externalAppID, productID: externalProductID + 1),
    ]
}
