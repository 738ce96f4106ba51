import Billing
import HTTPTypes
import Hummingbird
import ProductCatalog

/// Apps and their topics.
struct AppRoutes: Sendable {
    let services: AppServices

    private var catalog: Catalog { services.catalog }

    var routes: [Route] {
        [
            Route(.post, "/v1/apps", .publisher(.write), create),
            Route(.get, "/v1/apps", .publisher(.read), list),
            Route(.get, "/v1/apps/{appId}", .publisher(.read), one),
            Route(.patch, "/v1/apps/{appId}", .publisher(.write), update),
            Route(.post, "/v1/apps/{appId}/token", .publisher(.write), rotateToken),
            Route(.post, "/v1/apps/{appId}/inbound-key", .publisher(.write), rotateInboundKey),
            Route(.post, "/v1/apps/{appId}/topics", .publisher(.write), createTopic),
            Route(.get, "/v1/apps/{appId}/topics", .publisher(.read), listTopics),
        ]
    }

    @Sendable private func create(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let body = try await JSONBody.read(from: request)
        let draft = try AppFields(body, nameRequired: true).applied(to: App.Draft(name: ""))
        return try await services.idempotency.answer(request, context, body) { transaction in
            let (app, secrets) = try await catalog.createApp(draft, of: publisher, in: transaction)
            return CreatedAppBody(app, secrets, inboundURL: services.settings.inboundURL(secrets.inboundKey))
        }
    }

    @Sendable private func list(_ request: Request, _ context: MarketContext) async throws -> Response {
        let page = try Page<App>(QueryParameters(request), list: "apps")
        let apps = try await catalog.apps(of: try context.requirePublisher(), below: page.below, limit: page.fetch)
        return try page.answer(apps, id: \.id) { AppBody($0) }
    }

    @Sendable private func one(_ request: Request, _ context: MarketContext) async throws -> Response {
        try .json(AppBody(try await catalog.app(try context.id("appId"), of: try context.requirePublisher())))
    }

    @Sendable private func update(_ request: Request, _ context: MarketContext) async throws -> Response {
        let (publisher, id): (Publisher.ID, App.ID) = (try context.requirePublisher(), try context.id("appId"))
        let fields = try AppFields(try await JSONBody.read(from: request), nameRequired: false)
        let app = try await catalog.updateApp(id, of: publisher) { fields.applied(to: $0) }
        // Nothing else of an app says what its messages are about.
        if fields.namesExternalID { await services.quarantine.productsChanged(of: publisher) }
        return try .json(AppBody(app))
    }

    @Sendable private func rotateToken(_ request: Request, _ context: MarketContext) async throws -> Response {
        let token = try await catalog.rotateAppToken(of: try context.id("appId"), of: try context.requirePublisher())
        return try .json(["appToken": token.secret])
    }

    @Sendable private func rotateInboundKey(_ request: Request, _ context: MarketContext) async throws -> Response {
        let key = try await catalog.rotateInboundKey(of: try context.id("appId"), of: try context.requirePublisher())
        return try .json(["inboundUrl": services.settings.inboundURL(key)])
    }

    @Sendable private func createTopic(_ request: Request, _ context: MarketContext) async throws -> Response {
        let (publisher, app): (Publisher.ID, App.ID) = (try context.requirePublisher(), try context.id("appId"))
        let body = try await JSONBody.read(from: request)
        var fields = body.fields
        let (name, description) = (fields.string("name"), fields.optionalString("description"))
        try fields.finish()
        let draft = try Topic.Draft(name: name ?? "", description: description)
        return try await services.idempotency.answer(request, context, body) { transaction in
            TopicBody(try await catalog.createTopic(draft, in: app, of: publisher, in: transaction))
        }
    }

    @Sendable private func listTopics(_ request: Request, _ context: MarketContext) async throws -> Response {
        let (publisher, app): (Publisher.ID, App.ID) = (try context.requirePublisher(), try context.id("appId"))
        let page = try Page<Topic>(QueryParameters(request), list: "topics")
        let topics = try await catalog.topics(of: app, of: publisher, below: page.below, limit: page.fetch)
        return try page.answer(topics, id: \.id) { TopicBody($0) }
    }
}

/// What a body says of an app: a field that is absent is left as it is, one that is null is cleared.
private struct AppFields: Sendable {
    private let name: String?
    private let callbackURL, contact, followTip, description: String??
    private let externalID: Int64??

    init(_ body: JSONBody, nameRequired: Bool) throws {
        var fields = body.fields
        // A name cannot be cleared, so null is no name.
        name = nameRequired || fields.has("name") ? fields.string("name") : nil
        callbackURL = fields.has("callbackUrl") ? .some(fields.optionalString("callbackUrl")) : nil
        contact = fields.has("contact") ? .some(fields.optionalString("contact")) : nil
        followTip = fields.has("followTip") ? .some(fields.optionalString("followTip")) : nil
        description = fields.has("description") ? .some(fields.optionalString("description")) : nil
        externalID = fields.has("externalId") ? .some(fields.optionalInteger("externalId")) : nil
        try fields.finish()
    }

    var namesExternalID: Bool { externalID != nil }

    func applied(to draft: App.Draft) -> App.Draft {
        App.Draft(
            name: name ?? draft.name, callbackURL: callbackURL ?? draft.callbackURL, contact: contact ?? draft.contact,
            followTip: followTip ?? draft.followTip, description: description ?? draft.description,
            externalID: externalID ?? draft.externalID)
    }
}

private struct AppBody: Encodable, Sendable {
    let id: Int64
    let name: String
    @Nullable var callbackUrl: String?
    @Nullable var contact: String?
    @Nullable var followTip: String?
    @Nullable var description: String?
    @Nullable var externalId: Int64?
    let createdAt: Int64

    init(_ app: App) {
        id = app.id.rawValue
        name = app.name
        _callbackUrl = Nullable(wrappedValue: app.callbackURL)
        _contact = Nullable(wrappedValue: app.contact)
        _followTip = Nullable(wrappedValue: app.followTip)
        _description = Nullable(wrappedValue: app.description)
        _externalId = Nullable(wrappedValue: app.externalID)
        createdAt = app.createdAt.milliseconds
    }
}

/// An app with the secrets that are shown this once.
private struct CreatedAppBody: Encodable, Sendable {
    private enum CodingKeys: CodingKey {
        case appToken, webhookSecret, inboundUrl
    }

    let app: AppBody
    let secrets: App.Secrets
    let inboundURL: String

    init(_ app: App, _ secrets: App.Secrets, inboundURL: String) {
        self.app = AppBody(app)
        self.secrets = secrets
        self.inboundURL = inboundURL
    }

    func encode(to encoder: any Encoder) throws {
        try app.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(secrets.appToken.secret, forKey: .appToken)
        try container.encode(secrets.webhookSecret.secret, forKey: .webhookSecret)
        try container.encode(inboundURL, forKey: .inboundUrl)
    }
}

private struct TopicBody: Encodable, Sendable {
    let id: Int64
    let appId: Int64
    let name: String
    @Nullable var description: String?
    let createdAt: Int64

    init(_ topic: Topic) {
        id = topic.id.rawValue
        appId = topic.appID.rawValue
        name = topic.name
        _description = Nullable(wrappedValue: topic.description)
        createdAt = topic.createdAt.milliseconds
    }
}
