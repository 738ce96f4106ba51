import Hummingbird
import HummingbirdCore
import NIOCore

/// How long a connection may be silent while no request is being answered: longer than the 60 seconds for which proxies keep one in reserve, so that
/// it is they who close first and none of them sends a request into a connection that is being closed.
let standardIdleTimeout: Duration = .seconds(75)

/// The server: the routes of the table over the services, with the services running beside it.
func buildApplication(_ services: AppServices, idleTimeout: Duration = standardIdleTimeout) -> some ApplicationProtocol {
    Application(
        router: RouteTable(services).router(services),
        server: .init { EventLoopChannel(responder: $0, configuration: .init(idleTimeout: TimeAmount(idleTimeout))) },
        configuration: .init(address: .hostname(services.settings.host, port: services.settings.port)),
        services: services.services,
        logger: services.logger)
}

extension RouteTable {
    /// The router that answers these routes and nothing else.
    func router(_ services: AppServices) -> Router<MarketContext> {
        let router = Router(context: MarketContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: RequestLog(metrics: services.metrics))
        router.add(middleware: SecurityHeaders())
        router.add(middleware: ProblemMiddleware(table: self))
        for route in routes { router.on(RouterPath(route.path), method: route.method, use: route.guarded(by: services)) }
        return router
    }
}
