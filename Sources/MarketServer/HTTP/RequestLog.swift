import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ProductCatalog
import Synchronization

/// One line and one measurement for each request, when its last byte has been handed on.
///
/// The line names the route's template, not the path, which can hold a secret; never a token, a query or a body.
struct RequestLog: RouterMiddleware {
    typealias Context = MarketContext

    let metrics: MetricsRegistry

    func handle(
        _ request: Request, context: MarketContext, next: (Request, MarketContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response = try await next(request, context)
        response.headers[.requestID] = context.id
        let line = RequestLine(
            method: request.method, route: context.route ?? "none", status: response.status, principal: context.record.principal,
            logger: context.logger, metrics: metrics)
        if let length = response.body.contentLength {
            line.write(bytes: length, after: .now - start)
        } else {
            response.body = Self.counted(response.body, line, since: start)
        }
        return response
    }

    /// A streamed body: its bytes are counted as they go, and the line is written when the stream ends, however it ends.
    private static func counted(_ body: ResponseBody, _ line: RequestLine, since start: ContinuousClock.Instant) -> ResponseBody {
        let count = Counted()
        return ResponseBody { writer in
            do {
                try await body.map { buffer in
                    count.add(buffer.readableBytes)
                    return buffer
                }.write(writer)
                line.write(bytes: count.bytes, after: .now - start)
            } catch {
                line.write(bytes: count.bytes, after: .now - start, brokenOff: true)
                throw error
            }
        }
    }

    private final class Counted: Sendable {
        private let count = Atomic<Int>(0)
        var bytes: Int { count.load(ordering: .relaxed) }
        func add(_ bytes: Int) { count.add(bytes, ordering: .relaxed) }
    }
}

/// What is logged and measured of one request.
struct RequestLine: Sendable {
    let method: HTTPRequest.Method
    /// The template.
    let route: String
    let status: HTTPResponse.Status
    let principal: Principal?
    let logger: Logger
    let metrics: MetricsRegistry

    /// Methods that a label may name: others are the caller's invention, and each would be a series of its own.
    private static let known: Set<HTTPRequest.Method> = [.get, .head, .post, .put, .patch, .delete, .options]

    func write(bytes: Int, after duration: Duration, brokenOff: Bool = false) {
        let method = Self.known.contains(method) ? method.rawValue : "other"
        metrics.requests.record(duration, method: method, route: route, status: status.code)
        guard logger.logLevel <= .info else { return }
        let milliseconds = Double(duration.components.seconds) * 1000 + Double(duration.components.attoseconds) / 1e15
        var metadata: Logger.Metadata = [
            "method": "\(method)", "route": "\(route)", "status": "\(status.code)", "ms": "\((milliseconds * 10).rounded() / 10)",
            "bytes": "\(bytes)",
        ]
        if let principal { metadata["principal"] = "\(principal.actor)" }
        if brokenOff { metadata["brokenOff"] = "true" }
        logger.info("request", metadata: metadata)
    }
}
