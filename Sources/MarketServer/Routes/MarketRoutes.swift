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
    private struct Offer: Encodable, Sendable {
        struct Seller: Encodable, Sendable {
            let id: Int64
            let name: String
        }

        let publisher: Seller
        let resources: [ResourceBody]
        let listedAt: Int64
    }

    private let content: ProductContentBody
    private let offer: Offer

    init(_ entry: Market.Entry) {
        content = ProductContentBody(entry.product)
        offer = Offer(
            publisher: .init(id: entry.product.publisherID.rawValue, name: entry.publisherName),
            resources: entry.resources.map(ResourceBody.init), listedAt: entry.listedAt.milliseconds)
    }

    func encode(to encoder: any Encoder) throws {
        try content.encode(to: encoder)
        try offer.encode(to: encoder)
    }
}
