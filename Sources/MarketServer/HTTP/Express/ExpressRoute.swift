import HTTPTypes
import NIOCore
import ProductCatalog

/// The short way to the commonest answer of a route, for the few routes that are asked all day. What it does not answer the router does, from the start.
struct ExpressRoute: Sendable {
    /// Begins to answer, on the event loop.
    ///
    /// - Returns: false to leave the request to the router. Where it is true the last parameter is called once, on whichever thread: with the answer, or
    ///   with nil to leave the request to the router after all.
    typealias Begin = @Sendable (ExpressRequest, [UInt8], @escaping @Sendable (ExpressAnswer?) -> Void) -> Bool

    /// Of the route table, with one parameter as its last part at most.
    let route: Route
    /// Bytes of a body at most; 0 where none is due.
    private let maxBody: Int
    let begin: Begin
    /// The path, up to the parameter.
    private let start: Substring
    private let hasParameter: Bool

    init(_ route: Route, maxBody: Int = 0, begin: @escaping Begin) {
        self.route = route
        self.maxBody = maxBody
        self.begin = begin
        start = route.path.prefix { $0 != "{" }
        hasParameter = start.endIndex < route.path.endIndex
    }

    /// The request, if it is one for this route and has nothing unusual about it: whatever HTTP has for special cases is the router's.
    func request(_ head: HTTPRequest) -> ExpressRequest? {
        guard head.method == route.method, let target = head.path else { return nil }
        let bytes = target.utf8
        guard bytes.starts(with: start.utf8) else { return nil }
        let rest = bytes.dropFirst(start.utf8.count)
        let path = rest.prefix { $0 != UInt8(ascii: "?") }
        guard hasParameter ? !path.isEmpty && path.allSatisfy(Self.isPlain) : path.isEmpty else { return nil }
        for field in head.headerFields where !isUsual(field, in: head) { return nil }
        let query = path.endIndex < rest.endIndex ? String(rest[path.endIndex...].dropFirst()) : nil
        return ExpressRequest(head: head, lastPart: String(path) ?? "", query: query ?? nil)
    }

    /// Of a key; an escape has to be decoded first.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private func isUsual(_ field: HTTPField, in head: HTTPRequest) -> Bool {
        switch field.name {
        case .connection: field.value.lowercased() == "keep-alive"
        case .contentLength: Int(field.value).map { $0 <= maxBody } ?? false
        case .expect, .transferEncoding, .contentEncoding, .upgrade: false
        // Twice is a mistake that the router names.
        case .authorization: head.headerFields[values: .authorization].count == 1
        default: true
        }
    }
}

struct ExpressRequest: Sendable {
    let head: HTTPRequest
    /// The path's parameter.
    let lastPart: String
    /// What stands behind the `?`; nil without one.
    let query: String?
}

/// An answer of 200 with a JSON body.
struct ExpressAnswer: Sendable {
    let json: ByteBuffer
    var principal: Principal?
}
