import Foundation
import HTTPTypes
import Testing

@testable import MarketServer

@Suite("What waits for its product is applied by itself")
struct BillingWaitingTests {
    private typealias Event = BillingShop.Event

    @Test("once the product with that externalId is made, before that call answers")
    func productMade() async throws {
        try await BillingShop.with { shop in
            let event = Event(prodId: 77)
            let answer = try await shop.callback(event, expecting: 202)
            #expect(answer["reason"] == .string("unknown_product"))
            #expect(try await shop.callback(event, expecting: 202)["quarantineId"] == answer["quarantineId"])
            let line = try await shop.backfill(Event(tradeNo: "backfilled", prodId: 77).data + "\n").lines
            #expect(line.first?["status"] == .string("invalid") && line.first?["quarantineId"]?.integer != nil)
            #expect(try await shop.payEndTime("UID_xxxxxxx") == 0)

            let product = try await BillingShop.product(of: [shop.topic], 77, shop.server, shop.key).id
            #expect(try await shop.payEndTime("UID_xxxxxxx") == 1_664_118_481_675 + 2 * 86_400_000)
            #expect(try await shop.quarantine("&state=open") == [])
            #expect(try await shop.quarantine("&state=applied").count == 2)
            let feed = try await shop.feed(of: 2)
            #expect(
                Set(feed.map { $0["productId"]?.integer }) == [product]
                    && Set(feed.map { $0["source"] }) == [.string("inbound"), .string("backfill")])
            #expect(try await shop.callback(event, expecting: 200)["status"] == .string("duplicate"))
        }
    }

    @Test("once the app's number on the platform is known, before that call answers")
    func appNumbered() async throws {
        try await BillingShop.with(platform: false) { shop in
            // Without a number of its own there the ids are ours.
            let product = try await BillingShop.product(of: [shop.app], 12, shop.server, shop.key).id
            try await shop.callback(Event(), expecting: 202)
            try await shop.callback(Event(tradeNo: "by-our-ids", appId: shop.app, prodId: product), expecting: 200)
            #expect(try await shop.payEndTime("UID_xxxxxxx", on: shop.app) == 1_664_118_481_675 + 86_400_000)
            try await shop.server.call(.patch, "/v1/apps/\(shop.app)", token: shop.key, json: #"{"externalId":30630}"#, expecting: 200)
            #expect(try await shop.payEndTime("UID_xxxxxxx", on: shop.app) == 1_664_118_481_675 + 2 * 86_400_000)
            #expect(try await shop.quarantine("&state=open") == [])
        }
    }

    @Test("a line of a backfill that waited is read again as it was written, whatever other members it has")
    func lineWithData() async throws {
        try await BillingShop.with { shop in
            // A member that is ignored on arrival must not become the message on the second reading.
            let inner = Event(uid: "UID_inner", tradeNo: "inner-trade", prodId: 12).data
            let outer = Event(uid: "UID_outer", tradeNo: "outer-trade", prodId: 77).data.dropLast() + #","data":\#(inner)}"#
            #expect(try await shop.backfill(outer + "\n").lines.first?["tradeNo"] == .string("outer-trade"))
            _ = try await BillingShop.product(of: [shop.topic], 77, shop.server, shop.key)
            #expect(try await shop.feed(of: 1).map { $0["tradeNo"] } == [.string("outer-trade")])
            #expect(try await shop.payEndTime("UID_inner") == 0)
        }
    }

    @Test("a body that was no callback does not become one on replay")
    func malformedReplay() async throws {
        try await BillingShop.with { shop in
            try await shop.callback(#"{"action":["refund"],"data":\#(Event().data)}"#, expecting: 400)
            try await shop.callback(Event().data, expecting: 400)
            for kept in try await shop.quarantine() {
                let id = try #require(kept["id"]?.integer)
                let replayed = try await shop.server.call(.post, "/v1/quarantine/\(id)/replay", token: shop.key, expecting: 200)
                #expect(replayed["status"] == .string("quarantined") && replayed["quarantineId"]?.integer == id, "\(kept)")
            }
            #expect(try await shop.feed() == [])
        }
    }

    @Test("what was dismissed and then sent again is applied when its product is known")
    func dismissedComesAgain() async throws {
        try await BillingShop.with { shop in
            let id = try #require(try await shop.callback(Event(prodId: 77), expecting: 202)["quarantineId"]?.integer)
            try await shop.server.call(
                .post, "/v1/quarantine/\(id)/dismissal", token: shop.key, json: #"{"reason":"not ours"}"#, expecting: 200)
            _ = try await BillingShop.product(of: [shop.topic], 77, shop.server, shop.key)
            // Dismissed is dismissed; but the platform's repetition is a message of its own.
            #expect(try await shop.payEndTime("UID_xxxxxxx") == 0)
            #expect(try await shop.callback(Event(prodId: 77), expecting: 200)["status"] == .string("recorded"))
        }
    }
}
