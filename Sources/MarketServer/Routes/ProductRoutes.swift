import Billing
import HTTPTypes
import Hummingbird
import ProductCatalog

/// Products, their review and their listing.
struct ProductRoutes: Sendable {
    let services: AppServices

    private var catalog: Catalog { services.catalog }

    var routes: [Route] {
        [
            Route(.post, "/v1/products", .publisher(.write), create),
            Route(.get, "/v1/products", .publisher(.read).orOperator, list),
            Route(.get, "/v1/products/{productId}", .publisher(.read).orOperator, one),
            Route(.post, "/v1/products/{productId}/reviews", .operatorOnly, review),
            Route(.put, "/v1/products/{productId}/listing", .publisher(.write).orOperator, setListing),
        ]
    }

    @Sendable private func create(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let body = try await JSONBody.read(from: request)
        let draft = try MessageProduct.Draft(body)
        let answer = try await services.idempotency.answer(request, context, body) { transaction in
            ProductBody(try await catalog.createProduct(draft, of: publisher, in: transaction), for: context)
        }
        await services.quarantine.productsChanged(of: publisher)
        return answer
    }

    @Sendable private func list(_ request: Request, _ context: MarketContext) async throws -> Response {
        let query = QueryParameters(request)
        let page = try Page<MessageProduct>(query, list: "products")
        let state = try query.text("listing").map { text throws(RequestError) in
            guard let state = Listing.State(rawValue: text) else {
                throw .malformedParameter("listing", "one of \(Listing.State.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return state
        }
        let products = try await catalog.products(of: context.publisher, in: state, below: page.below, limit: page.fetch)
        return try page.answer(products, id: \.id) { ProductBody($0, for: context) }
    }

    @Sendable private func one(_ request: Request, _ context: MarketContext) async throws -> Response {
        try .json(ProductDetailBody(try await catalog.product(try context.id("productId"), of: context.publisher), for: context))
    }

    @Sendable private func review(_ request: Request, _ context: MarketContext) async throws -> Response {
        let id: MessageProduct.ID = try context.id("productId")
        let review = try Listing.Review(try await JSONBody.read(from: request))
        return try .json(ProductBody(try await catalog.review(id, review, actor: context.principal?.actor ?? "operator"), for: context))
    }

    @Sendable private func setListing(_ request: Request, _ context: MarketContext) async throws -> Response {
        let id: MessageProduct.ID = try context.id("productId")
        var fields = try await JSONBody.read(from: request).fields
        let (text, reason) = (fields.string("state"), fields.optionalString("reason"))
        try fields.finish()
        var check = FieldCheck()
        let state = text.flatMap(Listing.State.init(rawValue:))
        check.require(state == .listed || state == .delisted, "/state", "listed or delisted")
        check.reason(reason)
        try check.finish()
        let product = try await catalog.setListing(
            id, to: state ?? .delisted, actor: context.principal?.actor ?? "operator", reason: reason, publisher: context.publisher)
        return try .json(ProductBody(product, for: context))
    }
}

extension FieldCheck {
    fileprivate mutating func reason(_ reason: String?) {
        if let reason { text(reason, "/reason", length: 1...500, multiline: true) }
    }
}

extension MessageProduct.Draft {
    fileprivate init(_ body: JSONBody) throws {
        var fields = body.fields
        let (name, summary) = (fields.string("name"), fields.string("summary"))
        let (description, contact) = (fields.string("description"), fields.string("contact"))
        let (replaces, externalID) = (fields.optionalInteger("replaces"), fields.optionalInteger("externalId"))
        var resources: [Int64] = []
        for (index, value) in (fields.array("resourceIds") ?? []).enumerated() {
            if case .integer(let id) = value {
                resources.append(id)
            } else {
                fields.fail("resourceIds/\(index)", "an integer is due, this is \(value.kind)")
            }
        }
        var plans: [PricePlan.Draft] = []
        var malformed: [FieldViolation] = []
        for (index, value) in (fields.array("pricePlans") ?? []).enumerated() {
            guard case .object(let object) = value else {
                fields.fail("pricePlans/\(index)", "an object is due, this is \(value.kind)")
                continue
            }
            do throws(MalformedFields) {
                plans.append(try PricePlan.Draft(object, at: "/pricePlans/\(index)"))
            } catch {
                malformed += error.violations
            }
        }
        do throws(MalformedFields) {
            try fields.finish()
        } catch {
            throw MalformedFields(error.violations + malformed)
        }
        if !malformed.isEmpty { throw MalformedFields(malformed) }
        try self.init(
            name: name ?? "", summary: summary ?? "", description: description ?? "", contact: contact ?? "", resourceIDs: resources,
            pricePlans: plans, replaces: replaces, externalID: externalID)
    }
}

extension PricePlan.Draft {
    fileprivate init(_ object: JSONObject, at pointer: String) throws(MalformedFields) {
        var fields = JSONFields(object, at: pointer)
        let (name, amount, addTime) = (fields.string("name"), fields.integer("amount"), fields.integer("addTime"))
        try fields.finish()
        self.init(name: name ?? "", amount: Money(fen: amount ?? 0), addTime: TimeSpan(milliseconds: addTime ?? 0))
    }
}

extension Listing.Review {
    fileprivate init(_ body: JSONBody) throws {
        var fields = body.fields
        let (decision, reason) = (fields.string("decision"), fields.optionalString("reason"))
        let commission = decision == "approve" ? fields.integer("commissionBps") : fields.optionalInteger("commissionBps")
        try fields.finish()
        var check = FieldCheck()
        check.require(decision == "approve" || decision == "reject", "/decision", "approve or reject")
        if let commission { check.require((0...10_000).contains(commission), "/commissionBps", "0 to 10000") }
        check.reason(reason)
        try check.finish()
        self = decision == "approve" ? .approve(commissionBps: Int(commission ?? 0), reason: reason) : .reject(reason: reason)
    }
}
