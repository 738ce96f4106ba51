import Hummingbird
import HummingbirdCore
import NIOCore

/// How long a connection may be silent while no request is being answered: longer than the 60 seconds for which proxies keep one in reserve, so that
/// it is they who close first and none of them sends a request into a connection that is being closed.
let standardIdleTimeout: Duration = .seconds(75)

/// The server: the routes of the table over the services, with the services running beside it.
///
/// - Parameters:
///   - gate: where the database is still to be looked at, who looks: until then nothing is served.
///   - isExpress: whether the commonest answers go the short way. Without it the router gives them all, and nobody must be able to tell.
func buildApplication(
    _ services: AppServices, idleTimeout: Duration = standardIdleTimeout, gate: DatabaseSafety? = nil, isExpress: Bool = true
) -> some ApplicationProtocol {
    let table = RouteTable(services)
    let express = ExpressServices(
        isExpress ? table.express : [], logger: services.logger, metrics: services.metrics, gate: gate, idleTimeout: TimeAmount(idleTimeout)
    )
    return Application(
        router: table.router(services, gate: gate),
        server: .init {
            // The express lane, which sees all requests, looks after idle connections.
            EventLoopChannel(responder: $0, configuration: .init(additionalChannelHandlers: [RouterQueue()]), express: express)
        },
        configuration: .init(address: .hostname(services.settings.host, port: services.settings.port)),
        services: services.services + services.byThemselves.map { service in gate.map { Gated(service: service, gate: $0) } ?? service },
        logger: services.logger)
}

extension RouteTable {
    /// The router that answers these routes and nothing else.
    func router(_ services: AppServices, gate: DatabaseSafety? = nil) -> Router<MarketContext> {
        let router = Router(context: MarketContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestLog(metrics: services.metrics))
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ProblemMiddleware(table: self))
        router.add(middleware: ExactPaths())
        if let gate { router.add(middleware: SafetyGate(safety: gate)) }
        for route in routes { router.on(RouterPath(route.path), method: route.method, use: route.guarded(by: services)) }
        return router
    }
}

/// Finds nothing at a path with an empty part, as `/metrics/` and `//metrics` have. The router does not look at these, so that what a proxy in front
/// keeps to itself could be reached by another spelling. The platform's paths are left alone: its clients put a slash between where one is.
private struct ExactPaths: RouterMiddleware {
    func handle(
        _ request: Request, context: MarketContext, next: (Request, MarketContext) async throws -> Response
    ) async throws -> Response {
        let path = request.uri.path
        let isExact = path.utf8.count == 1 || !Self.hasEmptyPart(path.utf8)
        guard isExact || path.drop(while: { $0 == "/" }).hasPrefix("api/") else { throw HTTPError(.notFound) }
        return try await next(request, context)
    }

    /// Two slashes in a row, or one at the end. Byte by byte: every request comes through here.
    private static func hasEmptyPart(_ path: String.UTF8View) -> Bool {
        var previous: UInt8?
        for byte in path {
            if byte == UInt8(ascii: "/"), previous == byte { return true }
            previous = byte
        }
        return previous == UInt8(ascii: "/")
    }
}

/// Serves nothing that needs the database before somebody has looked whether it is safe.
private struct SafetyGate: RouterMiddleware {
    let safety: DatabaseSafety

    func handle(
        _ request: Request, context: MarketContext, next: (Request, MarketContext) async throws -> Response
    ) async throws -> Response {
        guard safety.isChecked || ["/healthz", "/metrics", "/openapi.yaml"].contains(request.uri.path) else {
            throw RequestError.notReady("The database does not answer yet.")
        }
        return try await next(request, context)
    }
}
