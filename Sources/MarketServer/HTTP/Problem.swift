import Billing
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore
import PGClient
import ProductCatalog

/// An error as the caller sees it (RFC 9457).
struct Problem: Sendable {
    /// A field at fault.
    struct Field: Encodable, Sendable {
        var pointer: String?
        var parameter: String?
        let detail: String
    }

    var status: HTTPResponse.Status
    var detail: String
    var errors: [Field] = []
    var headers: HTTPFields = [:]
    /// Not the caller's doing: to be logged with all that is known.
    var isDefect = false
    /// Unavailable rather than wrong: to be logged as a warning.
    var isUnavailable = false

    private struct Body: Encodable {
        let type = "about:blank"
        let title: String
        let status: Int
        let detail: String
        let instance: String
        let errors: [Field]?
    }

    func response(instance: String) -> Response {
        let body = Body(
            title: status.reasonPhrase.isEmpty ? "Error" : status.reasonPhrase, status: status.code, detail: detail, instance: instance,
            errors: errors.isEmpty ? nil : errors)
        var headers = headers
        headers[.contentType] = "application/problem+json"
        let bytes: ByteBuffer
        do {
            bytes = ByteBuffer(bytes: try JSONAnswer.bytes(body))
        } catch {
            preconditionFailure("texts and numbers always have a JSON form: \(error)")
        }
        return Response(status: status, headers: headers, body: .init(byteBuffer: bytes))
    }
}

// The one place where errors become answers: what is not named here is a defect.
extension Problem {
    init(_ error: any Error) {
        switch error {
        case let error as RequestError: self.init(request: error)
        case let error as CatalogError: self.init(catalog: error)
        case let error as MalformedFields: self.init(.badRequest, "The request is not what the route takes.", error.violations)
        case let error as InvalidFields: self.init(.unprocessableContent, "Some values break a rule.", error.violations)
        case let error as JSONSyntaxError: self.init(status: .badRequest, detail: "The body is no JSON: \(error.description).")
        case is NIOTooManyBytesError: self.init(request: .tooLarge(limit: MarketContext.maxBody))
        case let error as PGError: self.init(database: error)
        case is NotSettled:
            self.init(unavailable: "What was recorded by knownAt is not settled yet: a transaction from before it is still open.")
        case is CancellationError: self.init(unavailable: "The server is shutting down.")
        case let error as any HTTPResponseError where error.status.kind == .clientError:
            self.init(status: error.status, detail: error.status == .notFound ? "There is no such route." : "The request cannot be read.")
        default: self = .defect
        }
    }

    /// 500: the log has all of it under the request's id, the caller gets the id alone (it is in `X-Request-Id`).
    static let defect = Problem(
        status: .internalServerError, detail: "The server failed. Its log tells more under the id of this request.", isDefect: true)

    private init(_ status: HTTPResponse.Status, _ detail: String, _ violations: [FieldViolation]) {
        self.init(status: status, detail: detail, errors: violations.map { Field(pointer: $0.pointer, detail: $0.detail) })
    }

    private init(unavailable detail: String, retryAfterSeconds: Int = 1) {
        self.init(
            status: .serviceUnavailable, detail: detail, headers: [.retryAfter: "\(retryAfterSeconds)"], isUnavailable: true)
    }

    private init(request error: RequestError) {
        switch error {
        case .tokenMissing:
            self.init(status: .unauthorized, detail: "A token is due: Authorization: Bearer …", headers: [.wwwAuthenticate: "Bearer"])
        case .tokenUnknown:
            self.init(
                status: .unauthorized, detail: "The token is unknown or revoked.",
                headers: [.wwwAuthenticate: "Bearer error=\"invalid_token\""])
        case .forbidden(let detail): self.init(status: .forbidden, detail: detail)
        case .malformedParameter(let name, let detail):
            self.init(
                status: .badRequest, detail: "The request is not what the route takes.", errors: [Field(parameter: name, detail: detail)])
        case .mediaType(let expected): self.init(status: .unsupportedMediaType, detail: "Send \(expected).")
        case .tooLarge(let limit): self.init(status: .contentTooLarge, detail: "The body may have \(limit) bytes.")
        case .bodyBroken: self.init(status: .badRequest, detail: "The body ended before its time.")
        case .idempotencyKeyReused:
            self.init(status: .conflict, detail: "This Idempotency-Key came before with another request.")
        case .stateForbids(let detail): self.init(status: .conflict, detail: detail)
        case .notReady(let why): self.init(unavailable: why)
        }
    }

    private init(catalog error: CatalogError) {
        switch error {
        case .notFound(let what): self.init(status: .notFound, detail: "There is no such \(what).")
        case .externalIDTaken(let id):
            self.init(status: .conflict, detail: "Another one of yours has the externalId \(id) already.")
        case .moveNotAllowed(let from, let to):
            self.init(status: .conflict, detail: "The product is \(from.rawValue); from there it cannot become \(to.rawValue) by this.")
        case .moveContended: self.init(status: .conflict, detail: "The product is being moved by others at this moment.")
        case .unknownResource(_, let index):
            self.init(
                .unprocessableContent, "Some values break a rule.", [.init("/resourceIds/\(index)", "not one of your resources")])
        case .unknownReplaced:
            self.init(.unprocessableContent, "Some values break a rule.", [.init("/replaces", "not one of your products")])
        case .lastWriteKey:
            self.init(status: .conflict, detail: "This is the last key with the scope write; make another one first.")
        }
    }

    private init(database error: PGError) {
        if error.isUnavailable {
            self.init(unavailable: "The database does not answer.")
            return
        }
        switch (error.kind, error.sqlState) {
        case (.cancelled, _): self.init(unavailable: "The request was given up.")
        case (_, SQLState.queryCanceled), (_, SQLState.lockNotAvailable): self.init(unavailable: "This took too long.")
        case (_, let state?) where state.isTransient: self.init(unavailable: "Others changed the same at the same time.")
        default: self = .defect
        }
    }
}

extension HTTPField.Name {
    // SAFETY of the force: both are tokens as RFC 9110 has them.
    static let requestID = HTTPField.Name("X-Request-Id")!
    static let idempotencyKey = HTTPField.Name("Idempotency-Key")!
    static let idempotencyReplayed = HTTPField.Name("Idempotency-Replayed")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}
