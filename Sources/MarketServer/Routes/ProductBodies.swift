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

struct ProductBody: Encodable, Sendable {
    let id: Int64
    /// There when the operator asks.
    let publisherId: Int64?
    let contentHash: String
    let name: String
    let summary: String
    let description: String
    let contact: String
    let resourceIds: [Int64]
    let pricePlans: [PricePlanBody]
    @Nullable var replaces: Int64?
    @Nullable var externalId: Int64?
    let listing: String
    @Nullable var commissionBps: Int?
    let createdAt: Int64

    init(_ product: MessageProduct, for context: MarketContext) {
        id = product.id.rawValue
        publisherId = context.principal == .operatorToken ? product.publisherID.rawValue : nil
        contentHash = product.contentHash.description
        name = product.name
        summary = product.summary
        description = product.description
        contact = product.contact
        resourceIds = product.resourceIDs.map(\.rawValue)
        pricePlans = product.pricePlans.map(PricePlanBody.init)
        _replaces = Nullable(wrappedValue: product.replaces?.rawValue)
        _externalId = Nullable(wrappedValue: product.externalID)
        listing = product.listing.rawValue
        _commissionBps = Nullable(wrappedValue: product.commissionBps)
        createdAt = product.createdAt.milliseconds
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
