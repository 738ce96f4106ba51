import AsyncHTTPClient
import Foundation
import HTTPTypes
import ProductCatalog
import Testing

@testable import MarketServer

/// Every route of the table, asked with every kind of token about what belongs to one publisher.
@Suite("Publishers are kept apart")
struct IsolationTests {
    /// The ids that a request can name.
    private struct Names: Sendable {
        var app, topic, product, key, quarantine: Int

        /// Ids that nobody has.
        static let nobody = Names(app: 900_001, topic: 900_002, product: 900_003, key: 900_004, quarantine: 900_005)

        func path(_ template: String) -> String {
            var path = template.replacing("{appId}", with: "\(app)").replacing("{resourceId}", with: "\(topic)")
                .replacing("{productId}", with: "\(product)").replacing("{keyId}", with: "\(key)")
                .replacing("{quarantineId}", with: "\(quarantine)")
            if template == "/v1/entitlements" || template == "/v1/entitlements/explain" { path += "?resourceId=\(topic)&uid=UID_of_alpha" }
            return path
        }

        /// A body that the route takes and that names these ids wherever one can; nil for routes without a body.
        func body(_ route: Route) -> String? {
            switch (route.method, route.path) {
            case (.post, "/v1/publishers"): #"{"name":"x","email":"x@example.com"}"#
            case (.post, "/v1/publishers/me/api-keys"): #"{"name":"x","scopes":["read"]}"#
            case (.post, "/v1/apps"), (.post, "/v1/apps/{appId}/topics"), (.patch, "/v1/apps/{appId}"): #"{"name":"Taken over"}"#
            case (.post, "/v1/products"):
                #"{"name":"x","summary":"s","description":"d","contact":"c","resourceIds":[\#(topic),\#(app)],"replaces":\#(product),"#
                    + #""pricePlans":[{"name":"1","amount":1,"addTime":1}]}"#
            case (.post, "/v1/products/{productId}/reviews"): #"{"decision":"approve","commissionBps":1}"#
            case (.put, "/v1/products/{productId}/listing"): #"{"state":"delisted"}"#
            case (.post, "/v1/payment-events"): BillingShop.Event(uid: "UID_b", tradeNo: "trade-of-b", appId: app, prodId: product).data
            case (.post, "/v1/entitlements/checks"): #"{"resourceId":\#(topic),"uids":["UID_of_alpha"]}"#
            case (.post, "/v1/quarantine/{quarantineId}/dismissal"): #"{"reason":"x"}"#
            default: nil
            }
        }
    }

    /// Two publishers on one server, and every kind of token.
    private struct World: Sendable {
        let alpha, beta: BillingShop
        let names: Names
        let readOnly, revoked, oldAppToken, otherApp: String

        init(_ server: TestServer) async throws {
            let alpha = try await BillingShop(server, "Alpha", platform: false)
            self.alpha = alpha
            beta = try await BillingShop(server, "Beta", platform: false)
            func key(_ scopes: String) async throws -> (id: Int, token: String) {
                let made = try await server.call(
                    .post, "/v1/publishers/me/api-keys", token: alpha.key, json: #"{"name":"k","scopes":[\#(scopes)]}"#, expecting: 201)
                return (made.id, try #require(made["apiKey"]?.string))
            }
            let reading = try await key(#""read""#)
            readOnly = reading.token
            let gone = try await key(#""read","write""#)
            revoked = gone.token
            try await server.call(.delete, "/v1/publishers/me/api-keys/\(gone.id)", token: alpha.key, expecting: 204)
            let rotating = try await server.call(.post, "/v1/apps", token: alpha.key, json: #"{"name":"Alpha two"}"#, expecting: 201)
            oldAppToken = try #require(rotating["appToken"]?.string)
            let rotated = try await server.call(.post, "/v1/apps/\(rotating.id)/token", token: alpha.key, expecting: 200)
            otherApp = try #require(rotated["appToken"]?.string)
            let event = BillingShop.Event(uid: "UID_of_alpha", tradeNo: "trade-of-alpha", appId: alpha.app, prodId: alpha.both)
            try await alpha.callback(event, expecting: 200)
            let kept = try await alpha.callback(BillingShop.Event(uid: "UID_of_alpha", tradeNo: "waiting-of-alpha"), expecting: 202)
            names = Names(
                app: alpha.app, topic: alpha.topic, product: alpha.both, key: reading.id,
                quarantine: try #require(kept["quarantineId"]?.integer))
        }

        /// All that a publisher can see of what is its own.
        func sight() async throws -> [JSONValue] {
            var all: [JSONValue] = []
            for path in [
                "/v1/publishers/me", "/v1/publishers/me/api-keys", "/v1/apps", "/v1/apps/\(alpha.app)/topics", "/v1/products",
                "/v1/products/\(alpha.both)", "/v1/quarantine",
                "/v1/entitlements/explain?resourceId=\(alpha.topic)&uid=UID_of_alpha&at=1664118481675",
                "/v1/resources/\(alpha.topic)/audience?mode=all&count=only&at=1664118481675",
            ] { all.append(try await alpha.get(path).json) }
            return all
        }
    }

    private static func ask(_ server: TestServer, _ route: Route, _ names: Names, _ token: String?) async throws -> TestServer.Answer {
        let type = route.path == "/v1/payment-events" ? "application/x-ndjson" : "application/json"
        return try await server.call(
            route.method, names.path(route.path), token: token, json: names.body(route), headers: [.contentType: type])
    }

    /// What a refusal says, without the path that was asked.
    private static func said(_ answer: TestServer.Answer) -> [String: JSONValue] {
        var members = answer.json.object ?? ["text": .string(answer.text)]
        members["instance"] = nil
        return members
    }

    @Test("nobody but its owner gets at what a publisher has: each route, each kind of token, each place of an id")
    func generated() async throws {
        try await TestServer.with { server in
            let world = try await World(server)
            let before = try await world.sight()
            let routes = RouteTable(server.services).routes.filter { !$0.access.isPublic }
            #expect(routes.count > 20)
            for route in routes {
                let name = "\(route.method) \(route.path)"
                for token in [nil, "", "garbage", "pub_" + String(repeating: "a", count: 43), world.revoked, world.oldAppToken] {
                    #expect(try await Self.ask(server, route, world.names, token).status == 401, "\(name)")
                }
                if !route.access.operatorToken {
                    #expect(try await Self.ask(server, route, world.names, TestServer.operatorToken).status == 403, "\(name): operator")
                }
                if route.access.publisher != .read {
                    #expect(try await Self.ask(server, route, world.names, world.readOnly).status == 403, "\(name): read only")
                }
                for token in [world.alpha.appToken, world.otherApp, world.beta.appToken] where !route.access.app {
                    #expect(try await Self.ask(server, route, world.names, token).status == 403, "\(name): app token")
                }
                guard route.access.publisher != nil || route.access.app else { continue }
                // To a stranger the ids of another are ids that do not exist: the same status and the same words.
                let strangers = [world.beta.key] + (route.access.app ? [world.otherApp, world.beta.appToken] : [])
                for token in strangers where route.access.publisher != nil || token != world.beta.key {
                    let foreign = try await Self.ask(server, route, world.names, token)
                    let missing = try await Self.ask(server, route, .nobody, token)
                    #expect(foreign.status == missing.status, "\(name): \(foreign.text) but \(missing.text)")
                    #expect(!foreign.text.lowercased().contains("alpha"), "\(name): \(foreign.text)")
                    if foreign.status >= 400 { #expect(Self.said(foreign) == Self.said(missing), "\(name)") }
                    if route.path.contains("{") { #expect(foreign.status == 404, "\(name): \(foreign.text)") }
                }
            }
            #expect(try await world.sight() == before, "a stranger changed something")
            #expect(
                try await server.call(.get, "/v1/entitlements?resourceId=\(world.alpha.app)&uid=UID_of_alpha", token: world.alpha.appToken)
                    .status == 200)
        }
    }

    @Test("a key of one app brings events of that publisher's products alone")
    func inboundOfAnother() async throws {
        try await TestServer.with { server in
            let world = try await World(server)
            // Beta's address with Alpha's numbers: unknown, as if there were no such product.
            let event = BillingShop.Event(uid: "UID_b", tradeNo: "trade-of-b", appId: world.alpha.app, prodId: world.alpha.both)
            let foreign = try await world.beta.callback(event, expecting: 202)
            #expect(foreign["reason"] == .string("unknown_product"))
            let line = try await world.beta.backfill(event.data).lines.first
            #expect(line?["status"] == .string("invalid"))
            #expect(try await world.alpha.payEndTime("UID_b") == 0)
            // What Beta keeps is seen by Beta alone.
            let id = try #require(foreign["quarantineId"]?.integer)
            try await world.alpha.get("/v1/quarantine/\(id)", expecting: 404)
            #expect(try await world.beta.quarantine().count == 2)
            #expect(try await world.alpha.quarantine().count == 1)
            #expect(try await world.beta.feed() == [])
            // A cursor of one publisher shows the other nothing but its own.
            let cursor = try #require(try await world.alpha.feed(of: 1).first?["cursor"]?.string)
            #expect(try await world.beta.feed(after: cursor) == [])
        }
    }
}
