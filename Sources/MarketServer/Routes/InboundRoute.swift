import Billing
import HTTPTypes
import Hummingbird
import NIOCore
import ProductCatalog

/// `POST /v1/inbound/{inboundKey}`: the hosted platform's callbacks, exactly as it sends them.
///
/// What is answered 200 or 202 is durable. Whatever comes under a good key and cannot be applied is kept, once.
struct InboundRoute: Sendable {
    let recorder: EventRecorder
    let mailroom: Mailroom

    /// A callback has some 300 bytes.
    static let maxBody = 65_536

    func receive(_ request: Request, _ context: MarketContext) async throws -> Response {
        guard let text = context.parameters.get("inboundKey") else { throw CatalogError.notFound("inbound key") }
        let key = TokenDigest(of: text)
        let (body, end) = try await request.beginning(upTo: Self.maxBody)
        switch end {
        case .whole: break
        case .limit:
            _ = try await keep(
                body, .oversized, "longer than \(Self.maxBody) bytes; the beginning is kept, once for all that begin so", from: key)
            throw RequestError.tooLarge(limit: Self.maxBody)
        case .broken:
            _ = try await keep(body, .malformed, "the sender broke off after \(body.count) bytes", from: key)
            throw RequestError.bodyBroken
        }
        guard !request.isPacked else {
            _ = try await keep(body, .malformed, "sent in an encoding, which nothing here unpacks", from: key)
            throw RequestError.mediaType(expected: "the JSON without an encoding: nothing is unpacked here")
        }
        let callback: Callback
        do {
            callback = try Callback(body)
        } catch {
            _ = try await keep(body, .malformed, error.detail, from: key)
            throw error.cause
        }
        switch callback {
        case .other(let action):
            _ = try await keep(body, .unknownAction, "the action \(action.prefix(100)) is not known", from: key)
            return try .json(InboundAnswer(status: "ignored"))
        case .orderPay(let message):
            do {
                return try Self.answer(await recorder.record(Submission(message, inboundKey: key, body: body)))
            } catch is UnknownInboundKey {
                throw CatalogError.notFound("inbound key")
            }
        }
    }

    /// Keeps what comes under a good key and cannot be applied.
    private func keep(
        _ body: [UInt8], _ reason: QuarantineReason, _ detail: String, from key: TokenDigest
    ) async throws -> QuarantinedMessage.ID {
        guard let recipient = try await mailroom.recipient(inboundKey: key) else { throw CatalogError.notFound("inbound key") }
        return try await mailroom.keep(
            body, reason: reason, detail: detail, publisher: recipient.publisher, app: recipient.app, source: .inbound)
    }

    /// A payment or refund that is recorded, now or before; all else is the router's, which may find it recorded already: sending again is safe.
    func express(_ route: Route) -> ExpressRoute {
        ExpressRoute(route, maxBody: Self.maxBody) { [recorder] request, body, answer in
            guard request.query == nil, case .orderPay(let message)? = try? Callback(body) else { return false }
            recorder.record(Submission(message, inboundKey: TokenDigest(of: request.lastPart), body: body)) { result in
                switch result {
                case .success(.recorded): answer { Self.expressRecorded }
                case .success(.duplicate): answer { Self.expressDuplicate }
                case .success(.quarantined), .failure: answer { nil }
                }
            }
            return true
        }
    }

    /// The answers of nearly all callbacks, written once.
    private static let recorded = Array(#"{"status":"recorded"}"#.utf8)
    private static let duplicate = Array(#"{"status":"duplicate"}"#.utf8)
    private static let expressRecorded = ExpressAnswer(json: ByteBuffer(bytes: recorded))
    private static let expressDuplicate = ExpressAnswer(json: ByteBuffer(bytes: duplicate))

    private static func answer(_ outcome: RecordOutcome) throws -> Response {
        switch outcome {
        case .recorded: .json(bytes: recorded, status: .ok)
        case .duplicate: .json(bytes: duplicate, status: .ok)
        case .quarantined(let reason, let detail, let id):
            try .json(
                InboundAnswer(status: "quarantined", reason: reason.rawValue, detail: detail, quarantineId: id.rawValue), status: .accepted)
        }
    }
}

private struct InboundAnswer: Encodable {
    let status: String
    var reason: String?
    var detail: String?
    var quarantineId: Int64?
}
