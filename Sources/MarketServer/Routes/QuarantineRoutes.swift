import Billing
import Foundation
import HTTPTypes
import Hummingbird
import PGClient
import ProductCatalog

/// What was kept and not applied, for the person who decides.
struct QuarantineRoutes: Sendable {
    let database: PGClient
    let desk: QuarantineDesk

    /// `GET /v1/quarantine`
    func list(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let query = QueryParameters(request)
        let page = try Page<QuarantinedMessage>(query, list: "quarantine")
        let state = try query.oneOf("state", QuarantinedMessage.State.self)
        let reason = try query.oneOf("reason", QuarantineReason.self)
        let messages = try await database.run(
            QuarantinedMessage.page(of: publisher, in: state, for: reason, below: page.below, limit: page.fetch), of: publisher)
        return try page.answer(messages, id: \.id) { QuarantineItem($0) }
    }

    /// `GET /v1/quarantine/{quarantineId}`
    func get(_ request: Request, _ context: MarketContext) async throws -> Response {
        try .json(QuarantineItem(try await message(context)))
    }

    /// `POST /v1/quarantine/{quarantineId}/replay`
    func replay(_ request: Request, _ context: MarketContext) async throws -> Response {
        let message = try await message(context)
        guard let outcome = try await desk.replay(message) else {
            throw RequestError.stateForbids("The message is \(message.state.rawValue) already.")
        }
        return switch outcome {
        case .recorded: try .json(ReplayAnswer(status: "recorded", quarantineId: message.id.rawValue))
        case .duplicate: try .json(ReplayAnswer(status: "duplicate", quarantineId: message.id.rawValue))
        case .quarantined(let reason, let detail, let id):
            try .json(ReplayAnswer(status: "quarantined", reason: reason.rawValue, detail: detail, quarantineId: id.rawValue))
        }
    }

    /// `POST /v1/quarantine/{quarantineId}/dismissal`
    func dismiss(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let message = try await message(context)
        var fields = try await JSONBody.read(from: request).fields
        let reason = fields.string("reason") ?? ""
        try fields.finish()
        var check = FieldCheck()
        check.text(reason, "/reason", length: 1...1_000, multiline: true)
        try check.finish()
        guard try await desk.dismiss(message.id, reason: reason, of: publisher) else {
            // Read anew: somebody else may have been faster.
            throw RequestError.stateForbids("The message is \(try await self.message(context).state.rawValue) already.")
        }
        return try .json(QuarantineItem(try await self.message(context)))
    }

    private func message(_ context: MarketContext) async throws -> QuarantinedMessage {
        let publisher = try context.requirePublisher()
        let id: QuarantinedMessage.ID = try context.id("quarantineId")
        guard let message = try await database.run(QuarantinedMessage.with(id, of: publisher), of: publisher) else {
            throw CatalogError.notFound("quarantined message")
        }
        return message
    }
}

private struct ReplayAnswer: Encodable {
    let status: String
    var reason: String?
    var detail: String?
    let quarantineId: Int64
}

private struct QuarantineItem: Encodable, Sendable {
    let id: Int64
    let reason: String
    let state: String
    let detail: String
    let source: String
    @Nullable var appId: Int64?
    @Nullable var tradeNo: String?
    let receivedAt: Int64
    @Nullable var body: String?
    let bodyBase64: String
    @Nullable var resolvedAt: Int64?
    @Nullable var resolution: String?

    init(_ message: QuarantinedMessage) {
        id = message.id.rawValue
        reason = message.reason.rawValue
        state = message.state.rawValue
        detail = message.detail
        source = message.source.name
        appId = message.appID?.rawValue
        tradeNo = message.tradeNumber
        receivedAt = message.receivedAt.milliseconds
        body = String(validating: message.body, as: UTF8.self)
        bodyBase64 = Data(message.body).base64EncodedString()
        resolvedAt = message.resolvedAt?.milliseconds
        resolution = message.resolution
    }
}

extension QueryParameters {
    /// A parameter of which each value has a name.
    func oneOf<Value: RawRepresentable<String> & CaseIterable>(_ name: String, _: Value.Type) throws(RequestError) -> Value? {
        guard let text = try text(name) else { return nil }
        guard let value = Value(rawValue: text) else {
            throw .malformedParameter(name, "one of \(Value.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return value
    }
}
