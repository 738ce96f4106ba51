import HTTPTypes
import Hummingbird
import ProductCatalog

/// The public catalog.
struct MarketRoutes: Sendable {
    let services: AppServices

    var routes: [Route] {
        [
            Route(.get, "/v1/market/products", .anyone, search),
            Route(.get, "/v1/market/products/{productId}", .anyone, one),
        ]
    }

    @Sendable private func search(_ request: Request, _ context: MarketContext) async throws -> Response {
        let query = QueryParameters(request)
        let page = try Page<MessageProduct>(query, list: "market")
        let search = try query.text("search").map { text throws(RequestError) in
            var check = FieldCheck()
            check.text(text, "", length: 0...200)
            if let violation = check.violations.first { throw .malformedParameter("search", violation.detail) }
            return Market.Search(text)
        }
        let entries = try await services.catalog.market(search, below: page.below, limit: page.fetch)
        return try page.answer(entries, id: \.product.id) { MarketProductBody($0) }
    }

    @Sendable private func one(_ request: Request, _ context: MarketContext) async throws -> Response {
        try .json(MarketProductBody(try await services.catalog.market(try context.id("productId"))))
    }
}

private struct MarketProductBody: Encodable, Sendable {
    struct Seller: Encodable, Sendable {
        let id: Int64
        let name: String
    }

    let id: Int64
    let contentHash: String
    let name: String
    let summary: String
    let description: String
    let contact: String
    let publisher: Seller
    let resources: [ResourceBody]
    let pricePlans: [PricePlanBody]
    @Nullable var replaces: Int64?
    let listedAt: Int64

    init(_ entry: Market.Entry) {
        let product = entry.product
        id = product.id.rawValue
        contentHash = product.contentHash.description
        name = product.name
        summary = product.summary
        description = product.description
        contact = product.contact
        publisher = Seller(id: product.publisherID.rawValue, name: entry.publisherName)
        resources = entry.resources.map(ResourceBody.init)
        pricePlans = product.pricePlans.map(PricePlanBody.init)
        _replaces = Nullable(wrappedValue: product.replaces?.rawValue)
        listedAt = entry.listedAt.milliseconds
    }
}
