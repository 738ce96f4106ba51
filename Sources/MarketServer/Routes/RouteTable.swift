import HTTPTypes

/// Every route that the server has. A test holds the table against openapi.yaml, in both directions.
struct RouteTable: Sendable {
    let routes: [Route]
    /// Short ways to the commonest answers of two of them.
    let express: [ExpressRoute]

    init(_ services: AppServices) {
        let billing = BillingRoutes(services)
        routes = ServiceRoutes(services: services).routes + catalogRoutes(services) + billing.routes
        express = billing.express
    }

    /// The methods that a path takes, of templates that fit it; none when there is no such path.
    func methods(at path: String) -> [HTTPRequest.Method] {
        let parts = path.split(separator: "/")
        var methods: [HTTPRequest.Method] = []
        for route in routes where Self.fits(route.path.split(separator: "/"), parts) && !methods.contains(route.method) {
            methods.append(route.method)
            if route.method == .get { methods.append(.head) }
        }
        return methods
    }

    private static func fits(_ template: [Substring], _ path: [Substring]) -> Bool {
        template.count == path.count && zip(template, path).allSatisfy { $0.hasPrefix("{") || $0 == $1 }
    }
}

/// The routes of publishers, apps, topics, products and the market.
func catalogRoutes(_ services: AppServices) -> [Route] {
    PublisherRoutes(services: services).routes + AppRoutes(services: services).routes + ProductRoutes(services: services).routes
        + MarketRoutes(services: services).routes
}
