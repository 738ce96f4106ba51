import ProductCatalog

struct ResourceBody: Encodable, Sendable {
    let id: Int64
    let type: String
    let name: String

    init(_ resource: Resource) {
        id = resource.id.rawValue
        type = resource.kind == .app ? "app" : "topic"
        name = resource.name
    }
}

struct PricePlanBody: Encodable, Sendable {
    let id: Int64
    let name: String
    let amount: Int64
    let addTime: Int64

    init(_ plan: PricePlan) {
        id = plan.id.rawValue
        name = plan.name
        amount = plan.amount.fen
        addTime = plan.addTime.milliseconds
    }
}

/// What a product promises, which never changes: the part that its publisher and the market's visitors are shown alike.
struct ProductContentBody: Encodable, Sendable {
    let id: Int64
    let contentHash: String
    let name: String
    let summary: String
    let description: String
    let contact: String
    let pricePlans: [PricePlanBody]
    @Nullable var replaces: Int64?

    init(_ product: MessageProduct) {
        id = product.id.rawValue
        contentHash = product.contentHash.description
        name = product.name
        summary = product.summary
        description = product.description
        contact = product.contact
        pricePlans = product.pricePlans.map(PricePlanBody.init)
        _replaces = Nullable(wrappedValue: product.replaces?.rawValue)
    }
}

struct ProductBody: Encodable, Sendable {
    private struct Standing: Encodable, Sendable {
        /// There when the operator asks.
        let publisherId: Int64?
        let resourceIds: [Int64]
        @Nullable var externalId: Int64?
        let listing: String
        @Nullable var commissionBps: Int?
        let createdAt: Int64
    }

    private let content: ProductContentBody
    private let standing: Standing

    init(_ product: MessageProduct, for context: MarketContext) {
        content = ProductContentBody(product)
        standing = Standing(
            publisherId: context.principal == .operatorToken ? product.publisherID.rawValue : nil,
            resourceIds: product.resourceIDs.map(\.rawValue), externalId: product.externalID, listing: product.listing.rawValue,
            commissionBps: product.commissionBps, createdAt: product.createdAt.milliseconds)
    }

    func encode(to encoder: any Encoder) throws {
        try content.encode(to: encoder)
        try standing.encode(to: encoder)
    }
}

struct ProductDetailBody: Encodable, Sendable {
    private enum CodingKeys: CodingKey {
        case resources, history
    }

    private struct Move: Encodable, Sendable {
        @Nullable var from: String?
        let to: String
        let at: Int64
        let actor: String
        @Nullable var reason: String?

        init(_ move: Listing.Move) {
            _from = Nullable(wrappedValue: move.from?.rawValue)
            to = move.to.rawValue
            at = move.at.milliseconds
            actor = move.actor
            _reason = Nullable(wrappedValue: move.reason)
        }
    }

    private let product: ProductBody
    private let resources: [ResourceBody]
    private let history: [Move]

    init(_ detail: ProductDetail, for context: MarketContext) {
        product = ProductBody(detail.product, for: context)
        resources = detail.resources.map(ResourceBody.init)
        history = detail.history.map(Move.init)
    }

    func encode(to encoder: any Encoder) throws {
        try product.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(resources, forKey: .resources)
        try container.encode(history, forKey: .history)
    }
}
