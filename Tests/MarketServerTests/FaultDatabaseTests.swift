import Billing
import Foundation
import HTTPTypes
import PGClient
import PostgresCluster
import Testing

@testable import MarketServer

@Suite("A database that dies")
struct FaultDatabaseTests {
    private typealias Event = BillingShop.Event

    @Test("while it is dead every route says so in time, nothing is acknowledged, and the same server works when it is back")
    func outage() async throws {
        try await FaultServer.with { server, cluster in
            let shop = try await BillingShop(server)
            try await shop.callback(Event(), expecting: 200)
            let kept = try #require(try await shop.callback(Event(amount: 1), expecting: 202)["quarantineId"]?.integer)
            cluster.kill()
            let began = ContinuousClock.now
            for _ in 0..<2 {
                for (path, token) in [
                    ("/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx", shop.key),
                    ("/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx", shop.appToken), ("/v1/events", shop.key),
                    ("/v1/quarantine", shop.key),
                    ("/v1/entitlements/explain?resourceId=\(shop.topic)&uid=UID_xxxxxxx", shop.key),
                    ("/v1/resources/\(shop.topic)/audience", shop.key), ("/v1/resources/\(shop.topic)/audience?count=only", shop.key),
                    ("/v1/quarantine/\(kept)", shop.key), ("/v1/apps", shop.key), ("/v1/products/\(shop.both)", shop.key),
                    ("/v1/publishers", TestServer.operatorToken), ("/v1/market/products", TestServer.operatorToken),
                    ("/v1/entitlements?resourceId=1&uid=UID_a", "pub_of_nobody"), ("/readyz", shop.key),
                ] {
                    let answer = try await server.call(.get, path, token: token, expecting: 503)
                    #expect(answer.retryAfter >= 1, "\(path)")
                }
                let checks = #"{"resourceId":\#(shop.topic),"uids":["UID_a"]}"#
                try await server.call(.post, "/v1/entitlements/checks", token: shop.key, json: checks, expecting: 503)
                try await server.call(.post, "/v1/quarantine/\(kept)/replay", token: shop.key, expecting: 503)
                try await server.call(.post, "/v1/quarantine/\(kept)/dismissal", token: shop.key, json: #"{"reason":"x"}"#, expecting: 503)
                _ = try await shop.backfill(Event(tradeNo: "while-dead").data, expecting: 503)
                try await shop.callback(Event(tradeNo: "while-dead"), expecting: 503)
                try await shop.callback("no JSON", expecting: 503)
                try await shop.callback(#"{"action":"unknown"}"#, expecting: 503)
                try await server.call(.post, "/v1/inbound/nobody", json: "{}", expecting: 503)
                try await server.call(.get, "/healthz", expecting: 200)
                try await server.call(.get, "/metrics", expecting: 200)
                let platform = try await server.call(
                    .get, "/api/product/query-pay-end-time?uid=UID_xxxxxxx&prodId=\(shop.both)", expecting: 200)
                #expect(platform["code"]?.integer != 1000 && platform["success"] == .bool(false))
            }
            #expect(ContinuousClock.now - began < .seconds(60), "some 46 requests, none of which may hang")

            try cluster.startServer()
            #expect(try await server.becomesReady())
            #expect(try await shop.callback(Event(), expecting: 200)["status"] == .string("duplicate"))
            #expect(try await shop.callback(Event(tradeNo: "while-dead"), expecting: 200)["status"] == .string("recorded"))
            #expect(try await shop.payEndTime("UID_xxxxxxx") == 1_664_118_481_675 + 2 * 86_400_000)
            #expect(try await shop.quarantine().count == 1, "what was answered 503 was not kept")
        }
    }

    @Test("a server that says that it is ready again records again, however long recording has tried in vain", .timeLimit(.minutes(5)))
    func readyToRecord() async throws {
        try await FaultServer.with { server, cluster in
            let shop = try await BillingShop(server)
            for round in 1...3 {
                cluster.kill()
                // Pauses between two tries grow to a second and more by then.
                let later = ContinuousClock.now + .seconds(3)
                while ContinuousClock.now < later { try await shop.callback(Event(tradeNo: "trade-\(round)"), expecting: 503) }
                try cluster.startServer()
                #expect(try await server.becomesReady())
                #expect(try await shop.callback(Event(tradeNo: "trade-\(round)"), expecting: 200)["status"] == .string("recorded"))
            }
        }
    }

    @Test(
        "killed under load: acknowledged ⊆ stored ⊆ sent, each once, and the windows agree; sent again, all of it is stored",
        .timeLimit(.minutes(5)))
    func killedUnderLoad() async throws {
        try await FaultServer.with { server, cluster in
            let shop = try await BillingShop(server)
            let sent = Tally()
            let acknowledged = Tally()
            let (progress, counted) = AsyncStream.makeStream(of: Int.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for sender in 0..<16 {
                    group.addTask {
                        var number = -1
                        while !sent.isOver, !Task.isCancelled {
                            number += 1
                            let event = Self.event(sender, number)
                            sent.add(event.tradeNo)
                            // One in four as a line of a backfill, whose connection may be broken off.
                            if number.isMultiple(of: 4) {
                                guard let answer = try? await shop.backfill(event.data, expecting: nil), answer.status == 200 else {
                                    continue
                                }
                                guard answer.lines.first?["status"] == .string("recorded") else { continue }
                            } else {
                                let answer = try await shop.callback(event)
                                #expect([200, 503].contains(answer.status), "\(answer.text)")
                                guard answer.status == 200 else { continue }
                            }
                            counted.yield(acknowledged.add(event.tradeNo))
                        }
                    }
                }
                for round in 1...3 {
                    for await count in progress where count >= round * 200 { break }
                    cluster.kill()
                    try cluster.startServer()
                }
                try #require(try await server.becomesReady())
                let before = acknowledged.all.count
                for await count in progress where count >= before + 50 { break }
                sent.isOver = true
                try await group.waitForAll()
            }
            let stored = try await server.storedTrades()
            #expect(Set(stored).count == stored.count)
            #expect(acknowledged.all.subtracting(stored) == [], "acknowledged and lost")
            #expect(Set(stored).subtracting(sent.all) == [], "stored and never sent")
            #expect(try await Verification.run(on: server.services.database).agrees)
            print("sent \(sent.all.count), acknowledged \(acknowledged.all.count), stored \(stored.count)")

            let all = sent.all.map { trade in
                let parts = trade.split(separator: "-")
                return Self.event(Int(parts[1]) ?? 0, Int(parts[2]) ?? 0).data
            }
            let lines = try await shop.backfill(all.joined(separator: "\n")).lines
            #expect(lines.allSatisfy { [.string("recorded"), .string("duplicate")].contains($0["status"]) })
            #expect(try await server.storedTrades().count == all.count)
            #expect(try await Verification.run(on: server.services.database).agrees)
        }
    }

    private static func event(_ sender: Int, _ number: Int) -> Event {
        Event(
            uid: "UID_\(number % 10)", tradeNo: "trade-\(sender)-\(number)", createTime: 1_600_000_000_000 + number * 60_000,
            prodId: sender.isMultiple(of: 2) ? 12 : 13)
    }

    @Test("what waited for its product in quarantine survives a crash and is applied once")
    func waitingSurvives() async throws {
        try await FaultServer.with { server, cluster in
            let shop = try await BillingShop(server)
            try await shop.callback(Event(prodId: 77), expecting: 202)
            cluster.kill()
            try cluster.startServer()
            #expect(try await server.becomesReady())
            _ = try await BillingShop.product(of: [shop.topic], 77, server, shop.key)
            #expect(try await server.storedTrades().count == 1)
            #expect(try await shop.quarantine("&state=open") == [])
        }
    }
}
