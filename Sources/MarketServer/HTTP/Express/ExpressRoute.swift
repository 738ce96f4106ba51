import HTTPTypes
import NIOCore
import ProductCatalog

/// The short way to the commonest answer of a route, for the few routes that are asked all day. What it does not answer the router does, from the start.
final class ExpressRoute: Sendable {
    /// Begins to answer, on the event loop.
    ///
    /// - Returns: false to leave the request to the router. Where it is true the last parameter is called once, on whichever thread.
    typealias Begin = @Sendable (ExpressRequest, [UInt8], @escaping @Sendable (@escaping Ending) -> Void) -> Bool
    /// Makes the answer, on the event loop: one thread fetches what is in the answers of many. Nil leaves the request to the router after all.
    typealias Ending = @Sendable () -> ExpressAnswer?

    /// Of the route table, with one parameter as its last part at most.
    let route: Route
    /// Bytes of a body at most; 0 where none is due.
    let maxBody: Int
    let begin: Begin
    /// How a request for it begins: the method, a space, and the path up to the parameter.
    let start: [UInt8]
    let hasParameter: Bool
    /// How long its answers take.
    let durations = HistogramSeries(bounds: HistogramSeries.seconds)

    init(_ route: Route, maxBody: Int = 0, begin: @escaping Begin) {
        self.route = route
        self.maxBody = maxBody
        self.begin = begin
        let path = route.path.prefix { $0 != "{" }
        start = Array("\(route.method.rawValue) \(path)".utf8)
        hasParameter = path.endIndex < route.path.endIndex
    }
}

/// What a route needs of a request besides its body.
struct ExpressRequest: Sendable {
    /// The path's parameter.
    let lastPart: String
    /// What stands behind the `?`; nil without one.
    let query: String?
    let credentials: ExpressCredentials?
}

/// An answer of 200 with a JSON body.
struct ExpressAnswer: Sendable {
    let json: ByteBuffer
    var principal: Principal?
}
