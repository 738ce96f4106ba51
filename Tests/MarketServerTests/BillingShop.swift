import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import MarketServer

/// A publisher with an app, its topic, a product of both and one of the topic alone; all made over HTTP.
struct BillingShop: Sendable {
    let server: TestServer
    let publisher: Int
    let key: String
    let app: Int
    let appToken: String
    let inbound: String
    let topic: Int
    /// Bundles app and topic.
    let both: Int
    /// Bundles the topic alone.
    let topicOnly: Int

    /// - Parameter platform: whether the app and its products carry the hosted platform's numbers: 30630, 12 and 13.
    init(_ server: TestServer, _ name: String = "Tides", platform: Bool = true) async throws {
        self.server = server
        let made = try await server.call(
            .post, "/v1/publishers", token: TestServer.operatorToken, json: #"{"name":"\#(name)","email":"a@example.com"}"#,
            expecting: 201)
        publisher = made.id
        key = try #require(made["apiKey"]?.string)
        let app = try await server.call(
            .post, "/v1/apps", token: key, json: #"{"name":"\#(name)"\#(platform ? #","externalId":30630"# : "")}"#, expecting: 201)
        self.app = app.id
        appToken = try #require(app["appToken"]?.string)
        inbound = try #require(app["inboundUrl"]?.string).replacing("https://market.test", with: "")
        topic = try await server.call(.post, "/v1/apps/\(app.id)/topics", token: key, json: #"{"name":"\#(name)"}"#, expecting: 201).id
        both = try await Self.product(of: [app.id, topic], platform ? 12 : nil, server, key).id
        topicOnly = try await Self.product(of: [topic], platform ? 13 : nil, server, key).id
    }

    static func product(
        of resources: [Int], _ externalID: Int?, _ server: TestServer, _ key: String
    ) async throws -> TestServer.Answer {
        let external = externalID.map { #","externalId":\#($0)"# } ?? ""
        return try await server.call(
            .post, "/v1/products", token: key,
            json: #"{"name":"All tides","summary":"s","description":"d","contact":"wx: tides","resourceIds":\#(resources),"#
                + #""pricePlans":[{"name":"1 day","amount":50,"addTime":86400000}]\#(external)}"#, expecting: 201)
    }

    /// A server with one shop.
    static func with(platform: Bool = true, _ body: @escaping @Sendable (BillingShop) async throws -> Void) async throws {
        try await TestServer.with { try await body(BillingShop($0, platform: platform)) }
    }

    /// Sends a callback to the app's inbound address.
    @discardableResult
    func callback(_ json: String, expecting status: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> TestServer.Answer
    {
        try await server.call(.post, inbound, json: json, expecting: status, sourceLocation: sourceLocation)
    }

    @discardableResult
    func callback(_ event: Event, expecting status: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> TestServer.Answer
    {
        try await callback(event.callback, expecting: status, sourceLocation: sourceLocation)
    }

    @discardableResult
    func get(_ path: String, expecting status: Int? = 200, sourceLocation: SourceLocation = #_sourceLocation) async throws
        -> TestServer.Answer
    {
        try await server.call(.get, path, token: key, expecting: status, sourceLocation: sourceLocation)
    }

    func backfill(_ lines: String, expecting status: Int? = 200) async throws -> TestServer.Answer {
        try await server.call(
            .post, "/v1/payment-events", token: key, json: lines, headers: [.contentType: "application/x-ndjson"], expecting: status)
    }

    func payEndTime(_ uid: String, on resource: Int? = nil, _ more: String = "") async throws -> Int? {
        try await get("/v1/entitlements?resourceId=\(resource ?? topic)&uid=\(uid)\(more)")["payEndTime"]?.integer
    }

    /// What waits in quarantine, newest first.
    func quarantine(_ query: String = "") async throws -> [JSONValue] {
        try await get("/v1/quarantine?limit=200\(query)")["data"]?.array ?? []
    }

    /// All of the feed, by its cursors.
    func feed(limit: Int = 1_000, after: String? = nil) async throws -> [JSONValue] {
        var all: [JSONValue] = []
        var cursor = after
        repeat {
            let page = try await get("/v1/events?limit=\(limit)\(cursor.map { "&after=\($0)" } ?? "")")
            all += page["data"]?.array ?? []
            cursor = page["nextCursor"]?.string
        } while cursor != nil
        return all
    }

    /// The feed once it shows so many events. Transactions of other tests on the same cluster hold it back for a moment.
    func feed(of count: Int, limit: Int = 1_000) async throws -> [JSONValue] {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let all = try await feed(limit: limit)
            if all.count >= count || ContinuousClock.now > deadline { return all }
            await Task.yield()
        }
    }

    /// An `order_pay` message. As it stands: the sample of the platform's documentation, for one day.
    struct Event: Sendable, Hashable {
        var type = 1
        var uid = "UID_xxxxxxx"
        var tradeNo = "202209252308016755383125546"
        var payTradeNo: String?
        var createTime = 1_664_118_481_675
        var addTime = 86_400_000
        var amount = 50
        var appId = 30_630
        var prodId = 12

        /// The data object.
        var data: String {
            let named = payTradeNo.map { #","payTradeNo":"\#($0)""# } ?? ""
            return #"{"addTime":\#(addTime),"amount":\#(amount),"appId":\#(appId),"createTime":\#(createTime),"prodId":\#(prodId),"#
                + #""tradeNo":"\#(tradeNo)","type":\#(type),"uid":"\#(uid)"\#(named)}"#
        }

        var callback: String { #"{"action":"order_pay","data":\#(data)}"# }
    }
}
