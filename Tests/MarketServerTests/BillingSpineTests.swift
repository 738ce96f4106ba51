import Foundation
import HTTPTypes
import Testing

@testable import MarketServer

@Suite("One payment over HTTP")
struct BillingSpineTests {
    /// As the platform's documentation prints it, line breaks and all.
    private let sample = """
        {
            "action":"order_pay",
            "data":{
                "addTime":86400000,
                "amount":50,
                "appId":30630,
                "createTime":1664118481675,
                "prodId":12,
                "tradeNo":"202209252308016755383125546",
                "type":1,
                "uid":"UID_xxxxxxx"
            }
        }
        """

    @Test("the platform's sample callback is recorded once and seen by every question")
    func sampleCallback() async throws {
        try await BillingShop.with { shop in
            #expect(try await shop.callback(sample, expecting: 200)["status"] == .string("recorded"))
            #expect(try await shop.callback(sample, expecting: 200)["status"] == .string("duplicate"))
            // The same event written in another way is the same event.
            #expect(try await shop.callback(BillingShop.Event(), expecting: 200)["status"] == .string("duplicate"))

            let (paid, end) = (1_664_118_481_675, 1_664_204_881_675)
            for resource in [shop.app, shop.topic] {
                for (at, entitled, payEnd) in [(paid - 1, false, 0), (paid, true, end), (end - 1, true, end), (end, false, end)] {
                    for token in [shop.key, shop.appToken] {
                        let answer = try await shop.server.call(
                            .get, "/v1/entitlements?resourceId=\(resource)&uid=UID_xxxxxxx&at=\(at)", token: token, expecting: 200)
                        #expect(answer["entitled"] == .bool(entitled) && answer["payEndTime"]?.integer == payEnd, "at \(at)")
                    }
                }
            }
            let explained = try await shop.get("/v1/entitlements/explain?resourceId=\(shop.topic)&uid=UID_xxxxxxx")
            #expect(explained["payEndTime"]?.integer == end && explained["entitled"] == .bool(false))
            #expect(explained["events"]?.array?.count == 1 && explained["runs"]?.array?.first?["end"]?.integer == end)

            let asked = try await shop.server.call(
                .get, "/api/product/query-pay-end-time?uid=UID_xxxxxxx&prodId=\(shop.both)", expecting: 200)
            #expect(asked["code"]?.integer == 1000 && asked["success"] == .bool(true))
            #expect(asked["data"]?.array?.map { $0["payEndTime"]?.integer } == [end, end])
            #expect(asked["data"]?.array?.map { $0["resourceID"]?.integer } == [shop.app, shop.topic])
            #expect(asked["data"]?.array?.map { $0["resourceType"]?.integer } == [1, 2])

            #expect(try await shop.get("/v1/resources/\(shop.topic)/audience?mode=paid&count=only&at=\(paid)")["count"]?.integer == 1)
            #expect(try await shop.get("/v1/resources/\(shop.topic)/audience?mode=paid&count=only")["count"]?.integer == 0)
            #expect(try await shop.get("/v1/resources/\(shop.topic)/audience?mode=unpaid&count=only")["count"]?.integer == 1)

            let feed = try await shop.feed(of: 1)
            #expect(feed.count == 1 && feed.first?["productId"]?.integer == shop.both && feed.first?["appId"]?.integer == shop.app)
            #expect(feed.first?["source"] == .string("inbound"))
            let cursor = try #require(feed.first?["cursor"]?.string)
            #expect(try await shop.feed(after: cursor) == [])
            try await shop.callback(BillingShop.Event(tradeNo: "second-trade"), expecting: 200)
            _ = try await shop.feed(of: 2)
            #expect(try await shop.feed(after: cursor).map { $0["tradeNo"] } == [.string("second-trade")])
        }
    }

    @Test("one who never paid holds nothing, and asking so is no error")
    func neverPaid() async throws {
        try await BillingShop.with { shop in
            let answer = try await shop.get("/v1/entitlements?resourceId=\(shop.app)&uid=UID_nobody")
            #expect(answer["entitled"] == .bool(false) && answer["payEndTime"]?.integer == 0)
            let explained = try await shop.get("/v1/entitlements/explain?resourceId=\(shop.app)&uid=UID_nobody")
            #expect(explained["events"] == .array([]) && explained["runs"] == .array([]))
            #expect(try await shop.get("/v1/resources/\(shop.app)/audience?mode=all").bytes == [])
            #expect(try await shop.feed() == [])
            #expect(try await shop.quarantine() == [])
        }
    }

    @Test("the platform route answers 200 to everything, and says what is wrong in the envelope")
    func platformFailures() async throws {
        try await BillingShop.with { shop in
            for query in [
                "", "?uid=UID_a", "?prodId=\(shop.both)", "?uid=UID_a&prodId=999999", "?uid=UID_a&prodId=x", "?uid=UID_a&prodId=-1",
                "?uid=UID_a&prodId=99999999999999999999", "?uid=%FF&prodId=\(shop.both)", "?uid=UID_a&uid=UID_b&prodId=\(shop.both)",
                "?uid=a%20b&prodId=\(shop.both)", "?uid=&prodId=\(shop.both)", "?uid=UID_a&prodId=0", "?uid=UID_a&prodId=%00",
            ] {
                let answer = try await shop.server.call(.get, "/api/product/query-pay-end-time\(query)", expecting: 200)
                #expect(answer["code"]?.integer != 1000 && answer["success"] == .bool(false) && answer["code"] != nil, "\(query)")
            }
        }
    }

    @Test("parameters are read strictly: each mistake is 400 and named")
    func parameters() async throws {
        try await BillingShop.with { shop in
            let resource = "resourceId=\(shop.topic)"
            for (query, parameter) in [
                ("uid=UID_a", "resourceId"), (resource, "uid"), ("\(resource)&uid=", "uid"), ("\(resource)&uid=a%20b", "uid"),
                ("\(resource)&uid=UID_a&at=-1", "at"), ("\(resource)&uid=UID_a&at=1.5", "at"),
                ("\(resource)&uid=UID_a&at=9007199254740992", "at"),
                ("\(resource)&uid=UID_a&at=", "at"), ("\(resource)&uid=UID_a&knownAt=now", "knownAt"),
                ("\(resource)&uid=UID_a&at=1&at=1", "at"),
                ("resourceId=0&uid=UID_a", "resourceId"), ("resourceId=x&uid=UID_a", "resourceId"),
                ("resourceId=99999999999999999999&uid=UID_a", "resourceId"), ("\(resource)&uid=%C3%28", "uid"),
                ("\(resource)&uid=\(String(repeating: "a", count: 65))", "uid"),
            ] {
                for path in ["/v1/entitlements", "/v1/entitlements/explain"] {
                    #expect(try await shop.get("\(path)?\(query)", expecting: 400).fields == [parameter], "\(query)")
                }
            }
            for (query, parameter) in [("mode=some", "mode"), ("count=all", "count"), ("at=x", "at"), ("knownAt=-5", "knownAt")] {
                #expect(try await shop.get("/v1/resources/\(shop.topic)/audience?\(query)", expecting: 400).fields == [parameter])
            }
            for query in ["limit=0", "limit=1001", "limit=x", "after=x", "after=%FF", "after=LTEuMA", "after="] {
                #expect(try await shop.get("/v1/events?\(query)", expecting: 400).fields.count == 1, "\(query)")
            }
            for query in ["limit=201", "cursor=x", "state=none", "reason=none"] {
                #expect(try await shop.get("/v1/quarantine?\(query)", expecting: 400).fields.count == 1, "\(query)")
            }
            for path in ["0", "x", "-1", "9007199254740992", "99999999999999999999", "1.0", "%00"] {
                try await shop.get("/v1/resources/\(path)/audience", expecting: 404)
                try await shop.get("/v1/quarantine/\(path)", expecting: 404)
            }
        }
    }
}
