import Billing
import HTTPTypes
import Hummingbird
import NIOCore
import ProductCatalog

/// The body of a request: one JSON object, read strictly.
struct JSONBody: Sendable {
    /// As they came, for the fingerprint of a repeated request.
    let bytes: [UInt8]
    let object: JSONObject

    /// - Throws: `RequestError` for another media type or too long a body; `JSONSyntaxError`; `MalformedFields` when it is no object.
    static func read(from request: Request, upTo limit: Int = MarketContext.maxBody) async throws -> JSONBody {
        try request.requireMediaType("application/json")
        let bytes = try await request.bytes(upTo: limit)
        guard case .object(let object) = try JSONValue(parsing: bytes) else {
            throw MalformedFields([FieldViolation("", "an object is due")])
        }
        return JSONBody(bytes: bytes, object: object)
    }

    /// Reads members of the object.
    var fields: JSONFields { JSONFields(object) }
}

extension Request {
    /// - Throws: `RequestError.mediaType` unless the body is of this type. Parameters such as a charset are not looked at.
    func requireMediaType(_ expected: String) throws(RequestError) {
        let sent = headers[.contentType]?.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
        guard sent == expected else { throw .mediaType(expected: expected) }
        guard !isPacked else { throw .mediaType(expected: "\(expected) without an encoding: nothing is unpacked here") }
    }

    /// Whether the body is not what it says but a compressed form of it.
    var isPacked: Bool {
        let content = headers[.contentEncoding]?.lowercased() ?? "identity"
        let transfer = headers[.transferEncoding]?.lowercased() ?? "chunked"
        return content != "identity" || transfer != "chunked"
    }

    /// The whole body.
    ///
    /// - Throws: `RequestError.tooLarge` as soon as it is known to be longer than the limit; `RequestError.bodyBroken`.
    func bytes(upTo limit: Int) async throws -> [UInt8] {
        if let declared = headers[.contentLength].flatMap({ Int($0) }), declared > limit { throw RequestError.tooLarge(limit: limit) }
        let (bytes, end) = try await beginning(upTo: limit)
        switch end {
        case .whole: return bytes
        case .limit: throw RequestError.tooLarge(limit: limit)
        case .broken: throw RequestError.bodyBroken
        }
    }

    /// Why no more of a body was read.
    enum BodyEnd {
        case whole
        case limit
        /// The sender broke off, or framed the body otherwise than HTTP has it.
        case broken
    }

    /// The body up to a limit, and whether that is all of it.
    func beginning(upTo limit: Int) async throws -> (bytes: [UInt8], end: BodyEnd) {
        var bytes: [UInt8] = []
        var buffers = body.makeAsyncIterator()
        do {
            while let buffer = try await buffers.next() {
                let room = limit - bytes.count
                bytes.append(contentsOf: buffer.readableBytesView.prefix(room))
                if buffer.readableBytes > room { return (bytes, .limit) }
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            // Nothing but the connection stands behind this sequence.
            return (bytes, .broken)
        }
        return (bytes, .whole)
    }
}
