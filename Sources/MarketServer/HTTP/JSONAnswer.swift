import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// JSON as answers have it.
enum JSONAnswer {
    static func bytes(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        // Sorted, so that the same answer is the same bytes.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(value))
    }
}

extension Response {
    /// An answer of one JSON value.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        json(bytes: try JSONAnswer.bytes(value), status: status)
    }

    /// An answer of JSON that is written already.
    static func json(bytes: [UInt8], status: HTTPResponse.Status) -> Response {
        json(ByteBuffer(bytes: bytes), status: status)
    }

    static func json(_ bytes: ByteBuffer, status: HTTPResponse.Status = .ok) -> Response {
        Response(status: status, headers: [.contentType: "application/json"], body: .init(byteBuffer: bytes))
    }
}

/// A member that is there as `null` when it has no value. Without it an absent value leaves its key out.
@propertyWrapper
struct Nullable<Value: Encodable & Sendable>: Encodable, Sendable {
    var wrappedValue: Value?

    // Written out, for the synthesized one does not let a member be initialised with the bare value.
    init(wrappedValue value: Value?) {
        wrappedValue = value
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let wrappedValue { try container.encode(wrappedValue) } else { try container.encodeNil() }
    }
}
