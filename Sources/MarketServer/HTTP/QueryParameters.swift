import Foundation
import Hummingbird
import ProductCatalog

/// The query of a request, read strictly: a parameter that the route knows stands there once at most, in valid UTF-8.
struct QueryParameters: Sendable {
    private let pairs: [(name: String, value: String?)]

    init(_ request: Request) {
        self.init(query: request.uri.query ?? "")
    }

    /// - Parameter query: what stands behind the `?`.
    init(query: String) {
        var query = query
        // By bytes: in UTF-8 no other character has these in it, and to find where characters end takes longer than all else.
        pairs = query.withUTF8 { bytes in
            var pairs: [(name: String, value: String?)] = []
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "&")) ?? bytes.count
                defer { start = end + 1 }
                guard end > start else { continue }
                let pair = bytes[start..<end]
                let middle = pair.firstIndex(of: UInt8(ascii: "="))
                // A name that cannot be decoded is one that no route knows.
                pairs.append((Self.decoded(pair[..<(middle ?? end)]) ?? "", middle.map { Self.decoded(pair[($0 + 1)...]) } ?? ""))
            }
            return pairs
        }
    }

    /// As browsers write forms: `+` is a space. Nil when an escape is broken or the bytes are no UTF-8.
    private static func decoded(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) -> String? {
        let text = String(decoding: UnsafeBufferPointer(rebasing: bytes), as: UTF8.self)
        // Numbers and uids as most clients send them: nothing to decode, and what a request target may carry is ASCII.
        if bytes.allSatisfy({ $0 != UInt8(ascii: "%") && $0 != UInt8(ascii: "+") && $0 < 0x80 }) { return text }
        return text.replacing("+", with: " ").removingPercentEncoding
    }

    /// The parameter, nil when it is absent.
    func text(_ name: String) throws(RequestError) -> String? {
        guard let index = pairs.firstIndex(where: { $0.name == name }) else { return nil }
        guard !pairs[(index + 1)...].contains(where: { $0.name == name }) else { throw .malformedParameter(name, "given twice") }
        guard let value = pairs[index].value else { throw .malformedParameter(name, "no valid percent encoding of UTF-8") }
        return value
    }

    /// A number in plain decimal digits.
    func integer(_ name: String, in range: ClosedRange<Int64>) throws(RequestError) -> Int64? {
        guard let text = try text(name) else { return nil }
        let digits = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard digits, let value = Int64(text), range.contains(value) else {
            throw .malformedParameter(name, "an integer from \(range.lowerBound) to \(range.upperBound) is due")
        }
        return value
    }

    /// A required parameter.
    func required<Value>(_ name: String, _ value: Value?) throws(RequestError) -> Value {
        guard let value else { throw .malformedParameter(name, "missing") }
        return value
    }

    func id<Of>(_ name: String, of _: Identifier<Of>.Type = Identifier<Of>.self) throws(RequestError) -> Identifier<Of>? {
        try integer(name, in: 1...WireInteger.max).map(Identifier<Of>.init(rawValue:))
    }

    func instant(_ name: String) throws(RequestError) -> Instant? {
        try integer(name, in: 0...WireInteger.max).map(Instant.init(milliseconds:))
    }
}
