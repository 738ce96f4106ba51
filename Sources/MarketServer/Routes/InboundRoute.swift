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
        guard let key = context.parameters.get("inboundKey"), let recipient = try await mailroom.recipient(inboundKey: TokenDigest(of: key))
        else {
            throw CatalogError.notFound("inbound key")
        }
        let letter = Letter(recipient: recipient, mailroom: mailroom)
        let (body, whole) = try await request.beginning(upTo: Self.maxBody)
        guard whole else {
            _ = try await letter.keep(body, .oversized, "longer than \(Self.maxBody) bytes; the beginning is kept")
            throw RequestError.tooLarge(limit: Self.maxBody)
        }
        let callback: Callback
        do {
            callback = try Callback(body)
        } catch {
            _ = try await letter.keep(body, .malformed, error.detail)
            throw error.cause
        }
        switch callback {
        case .other(let action):
            _ = try await letter.keep(body, .unknownAction, "the action \(action.prefix(100)) is not known")
            return try .json(InboundAnswer(status: "ignored"))
        case .orderPay(let message):
            let outcome = try await recorder.record(
                Submission(message, publisher: recipient.publisher, inboundApp: recipient.app, source: .inbound, body: body))
            return try Self.answer(outcome)
        }
    }

    private static func answer(_ outcome: RecordOutcome) throws -> Response {
        switch outcome {
        case .recorded: try .json(InboundAnswer(status: "recorded"))
        case .duplicate: try .json(InboundAnswer(status: "duplicate"))
        case .quarantined(let reason, let detail, let id):
            try .json(
                InboundAnswer(status: "quarantined", reason: reason.rawValue, detail: detail, quarantineId: id.rawValue), status: .accepted)
        }
    }
}

/// Where what cannot be applied is kept.
private struct Letter {
    let recipient: (app: App.ID, publisher: Publisher.ID)
    let mailroom: Mailroom

    func keep(_ body: [UInt8], _ reason: QuarantineReason, _ detail: String) async throws -> QuarantinedMessage.ID {
        try await mailroom.keep(body, reason: reason, detail: detail, publisher: recipient.publisher, app: recipient.app, source: .inbound)
    }
}

/// The envelope of a callback.
private enum Callback {
    case orderPay(OrderPay)
    case other(action: String)

    /// Why a body is no callback: in words for the quarantine, as an error for the sender.
    struct Malformed: Error {
        let detail: String
        let cause: any Error
    }

    init(_ body: [UInt8]) throws(Malformed) {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: body)
        } catch {
            throw Malformed(detail: error.description, cause: error)
        }
        guard case .object(let envelope) = json else {
            throw Self.malformed([FieldViolation("", "an object is due, this is \(json.kind)")])
        }
        do {
            var fields = JSONFields(envelope)
            let action = fields.string("action")
            let data = action == "order_pay" ? fields.object("data") : nil
            try fields.finish()
            self = if let data { .orderPay(try OrderPay(data, at: "/data")) } else { .other(action: action ?? "") }
        } catch {
            throw Self.malformed(error.violations)
        }
    }

    private static func malformed(_ violations: [FieldViolation]) -> Malformed {
        Malformed(
            detail: violations.map { $0.pointer.isEmpty ? $0.detail : "\($0.pointer): \($0.detail)" }.joined(separator: "; "),
            cause: MalformedFields(violations))
    }
}

private struct InboundAnswer: Encodable {
    let status: String
    var reason: String?
    var detail: String?
    var quarantineId: Int64?
}

extension Request {
    /// The body up to a limit, and whether that is all of it.
    func beginning(upTo limit: Int) async throws -> (bytes: [UInt8], whole: Bool) {
        var bytes: [UInt8] = []
        for try await buffer in body {
            let room = limit - bytes.count
            bytes.append(contentsOf: buffer.readableBytesView.prefix(room))
            if buffer.readableBytes > room { return (bytes, false) }
        }
        return (bytes, true)
    }
}
