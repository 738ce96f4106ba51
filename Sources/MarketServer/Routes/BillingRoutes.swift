import Billing
import Hummingbird
import PGClient
import ProductCatalog

/// The routes of payments, entitlements, audiences and the quarantine.
struct BillingRoutes {
    let routes: [Route]
    let express: [ExpressRoute]

    init(_ services: AppServices) {
        let inbound = InboundRoute(recorder: services.recorder, mailroom: services.mailroom)
        let payments = PaymentEventRoutes(
            database: services.database, recorder: services.recorder, mailroom: services.mailroom,
            places: Places(PaymentEventRoutes.mostBackfills))
        let entitlements = EntitlementRoutes(
            database: services.database, entitlements: services.entitlements, resources: services.resources)
        let audience = AudienceRoute(
            database: services.database, resources: services.resources, connections: services.settings.database.maxConnections)
        let quarantine = QuarantineRoutes(database: services.database, desk: services.quarantine)
        let platform = PlatformRoutes(database: services.database, entitlements: services.entitlements)
        // The key in the path is the secret.
        let callback = Route(.post, "/v1/inbound/{inboundKey}", .anyone, inbound.receive)
        let check = Route(.get, "/v1/entitlements", .publisher(.read).orApp, asking: entitlements.check)
        routes = [
            callback,
            Route(.post, "/v1/payment-events", .publisher(.write), payments.backfill),
            Route(.get, "/v1/events", .publisher(.read), payments.events).besideTheLoop,
            check,
            Route(.post, "/v1/entitlements/checks", .publisher(.read).orApp, entitlements.checks).besideTheLoop,
            Route(.get, "/v1/entitlements/explain", .publisher(.read), entitlements.explain).besideTheLoop,
            Route(.get, "/v1/resources/{resourceId}/audience", .publisher(.read), audience.audience).besideTheLoop,
            Route(.get, "/v1/quarantine", .publisher(.read), quarantine.list).besideTheLoop,
            Route(.get, "/v1/quarantine/{quarantineId}", .publisher(.read), quarantine.get),
            Route(.post, "/v1/quarantine/{quarantineId}/replay", .publisher(.write), quarantine.replay),
            Route(.post, "/v1/quarantine/{quarantineId}/dismissal", .publisher(.write), quarantine.dismiss),
            Route(.get, "/api/product/query-pay-end-time", .anyone, platform.queryPayEndTime),
        ]
        express = [inbound.express(callback), entitlements.express(check, authenticator: services.authenticator)]
    }
}
