import Billing
import HTTPTypes
import Hummingbird
import ProductCatalog

/// Developer accounts and their keys.
struct PublisherRoutes: Sendable {
    let services: AppServices

    private var catalog: Catalog { services.catalog }

    var routes: [Route] {
        [
            Route(.post, "/v1/publishers", .operatorOnly, create),
            Route(.get, "/v1/publishers", .operatorOnly, list),
            Route(.get, "/v1/publishers/me", .publisher(.read), own),
            Route(.get, "/v1/publishers/me/api-keys", .publisher(.read), listKeys),
            Route(.post, "/v1/publishers/me/api-keys", .publisher(.write), createKey),
            Route(.delete, "/v1/publishers/me/api-keys/{keyId}", .publisher(.write), revokeKey),
        ]
    }

    @Sendable private func create(_ request: Request, _ context: MarketContext) async throws -> Response {
        let body = try await JSONBody.read(from: request)
        let draft = try Publisher.Draft(body)
        return try await services.idempotency.answer(request, context, body) { transaction in
            let (publisher, key) = try await catalog.createPublisher(draft, in: transaction)
            return PublisherBody(publisher, apiKey: key.secret)
        }
    }

    @Sendable private func list(_ request: Request, _ context: MarketContext) async throws -> Response {
        let page = try Page<Publisher>(QueryParameters(request), list: "publishers")
        return try page.answer(try await catalog.publishers(below: page.below, limit: page.fetch), id: \.id) { PublisherBody($0) }
    }

    @Sendable private func own(_ request: Request, _ context: MarketContext) async throws -> Response {
        try .json(PublisherBody(try await catalog.publisher(try context.requirePublisher())))
    }

    @Sendable private func listKeys(_ request: Request, _ context: MarketContext) async throws -> Response {
        let page = try Page<PublisherKey>(QueryParameters(request), list: "keys")
        let keys = try await catalog.keys(of: try context.requirePublisher(), below: page.below, limit: page.fetch)
        return try page.answer(keys, id: \.id) { KeyBody($0) }
    }

    @Sendable private func createKey(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let body = try await JSONBody.read(from: request)
        let draft = try PublisherKey.Draft(body)
        // Nobody gives what he has not.
        guard case .publisher(_, let own, _) = context.principal, draft.scopes.isSubset(of: own) else {
            throw RequestError.forbidden("A key can give a new key only scopes that it has itself.")
        }
        return try await services.idempotency.answer(request, context, body) { transaction in
            let (key, token) = try await catalog.createKey(draft, of: publisher, in: transaction)
            return KeyBody(key, apiKey: token.secret)
        }
    }

    @Sendable private func revokeKey(_ request: Request, _ context: MarketContext) async throws -> Response {
        try await catalog.revokeKey(try context.id("keyId"), of: try context.requirePublisher())
        return Response(status: .noContent)
    }
}

extension Publisher.Draft {
    fileprivate init(_ body: JSONBody) throws {
        var fields = body.fields
        let (name, email) = (fields.string("name"), fields.string("email"))
        try fields.finish()
        try self.init(name: name ?? "", email: email ?? "")
    }
}

extension PublisherKey.Draft {
    fileprivate init(_ body: JSONBody) throws {
        var fields = body.fields
        let name = fields.string("name")
        var names: [String] = []
        for (index, value) in (fields.array("scopes") ?? []).enumerated() {
            if case .string(let text) = value {
                names.append(text)
            } else {
                fields.fail("scopes/\(index)", "a string is due, this is \(value.kind)")
            }
        }
        try fields.finish()
        let scopes = names.map(PublisherKey.Scope.init(rawValue:))
        var check = FieldCheck()
        for index in scopes.indices {
            check.require(scopes[index] != nil, "/scopes/\(index)", "read or write")
            check.require(!scopes[..<index].contains(scopes[index]), "/scopes/\(index)", "each scope once")
        }
        try check.finish()
        try self.init(name: name ?? "", scopes: Set(scopes.compactMap { $0 }))
    }
}

private struct PublisherBody: Encodable, Sendable {
    let id: Int64
    let name: String
    let email: String
    /// There when the publisher has just been made.
    let apiKey: String?
    let createdAt: Int64

    init(_ publisher: Publisher, apiKey: String? = nil) {
        id = publisher.id.rawValue
        name = publisher.name
        email = publisher.email
        self.apiKey = apiKey
        createdAt = publisher.createdAt.milliseconds
    }
}

private struct KeyBody: Encodable, Sendable {
    let id: Int64
    let name: String
    let scopes: [String]
    /// There when the key has just been made.
    let apiKey: String?
    let createdAt: Int64

    init(_ key: PublisherKey, apiKey: String? = nil) {
        id = key.id.rawValue
        name = key.name
        scopes = key.scopes.map(\.rawValue).sorted()
        self.apiKey = apiKey
        createdAt = key.createdAt.milliseconds
    }
}
