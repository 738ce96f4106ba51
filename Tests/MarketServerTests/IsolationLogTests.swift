import Billing
import Foundation
import HTTPTypes
import Logging
import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import MarketServer

@Suite("The log tells no secret")
struct IsolationLogTests {
    @Test("no token, inbound key, body or uid shows up, at whatever level, whatever fails")
    func secrets() async throws {
        let log = LogCapture()
        let secrets = Tally()
        secrets.add(TestServer.operatorToken)
        try await TestServer.with(logger: log.logger(.trace)) { server in
            let shop = try await BillingShop(server)
            let inboundKey = String(shop.inbound.dropFirst("/v1/inbound/".count))
            let wrong = ["pub_" + String(repeating: "w", count: 43), "AT_nobody_has_this", "wrong-inbound-key"]
            for secret in [shop.key, shop.appToken, inboundKey, "UID_secret_person", "secret-trade"] + wrong { secrets.add(secret) }
            let event = BillingShop.Event(uid: "UID_secret_person", tradeNo: "secret-trade")

            try await shop.callback(event, expecting: 200)
            try await shop.callback(BillingShop.Event(uid: "UID_secret_person", tradeNo: "secret-trade", amount: 1), expecting: 202)
            try await shop.callback(event.callback + "UID_secret_person", expecting: 400)
            try await shop.callback(event.callback + String(repeating: " ", count: 70_000), expecting: 413)
            try await server.call(.post, "/v1/inbound/wrong-inbound-key", json: event.callback, expecting: 404)
            try await server.call(.get, "/v1/inbound/\(inboundKey)", expecting: 405)
            for token in wrong { try await server.call(.get, "/v1/events", token: token, expecting: 401) }
            let question = "/v1/entitlements?resourceId=\(shop.topic)&uid=UID_secret_person"
            try await server.call(.get, question, token: shop.appToken, expecting: 200)
            try await server.call(.get, question + "&at=x", token: shop.appToken, expecting: 400)
            _ = try await shop.backfill(event.data + "\nUID_secret_person\n")
            _ = try await shop.feed()
            _ = try await shop.quarantine()
            // What the database refuses is logged; not with the values. (A 500 is in no operation's contract, so it is asked past it.)
            try await server.database.asOwner("alter table payment_event add constraint test_refuses check (uid <> 'UID_refused_person')")
            secrets.add("UID_refused_person")
            let refused = BillingShop.Event(uid: "UID_refused_person", tradeNo: "secret-trade-2")
            await #expect(throws: PGError.self) {
                try await server.services.recorder.record(
                    Submission(
                        try OrderPay.read(Array(refused.data.utf8)).get(), publisher: .init(rawValue: Int64(shop.publisher)),
                        inboundApp: .init(rawValue: Int64(shop.app)), source: .inbound, body: []))
            }
        }
        let lines = log.lines.map(\.description)
        #expect(lines.count > 15)
        for line in lines {
            for secret in secrets.all { #expect(!line.contains(secret), "\(line)") }
        }
        #expect(lines.contains { $0.contains("/v1/inbound/{inboundKey}") })
    }
}
