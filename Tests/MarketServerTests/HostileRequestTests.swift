import HTTPTypes
import PGClient
import Testing

@testable import MarketServer

@Suite("Requests that are unusual, and requests at the same time")
struct HostileRequestTests {
    @Test("several spaces may stand between Bearer and the token")
    func spaces() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            for value in ["Bearer  \(key)", "bearer    \(key)", "BEARER \(key)"] {
                try await server.call(.get, "/v1/publishers/me", headers: [.authorization: value], expecting: 200)
            }
            for value in ["Bearer\(key)", "Bearer \(key) \(key)", "Bearer", "Bearer ", "Basic \(key)"] {
                try await server.call(.get, "/v1/publishers/me", headers: [.authorization: value], expecting: 401)
            }
        }
    }

    @Test("HEAD of an audience tells the length of the audience", arguments: ["text/csv", "application/x-ndjson"])
    func headOfAudience(type: String) async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key)
            let product = try await server.makeProduct(key, of: [app.id])
            for number in 1...3 {
                try await server.call(
                    .post, "/v1/payment-events", token: key,
                    json: #"{"addTime":86400000,"amount":50,"appId":\#(app.id),"createTime":1664118481675,"prodId":\#(product.id),"#
                        + #""tradeNo":"TRADE\#(number)","type":1,"uid":"UID_\#(number)"}"#,
                    headers: [.contentType: "application/x-ndjson"], expecting: 200)
            }
            let path = "/v1/resources/\(app.id)/audience?mode=all"
            let body = try await server.call(.get, path, token: key, headers: [.accept: type], expecting: 200)
            #expect(body.bytes.count > 3 * 7)
            let head = try #require(
                await RawConnection.exchange(
                    "HEAD \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(key)\r\nAccept: \(type)\r\nConnection: close\r\n\r\n",
                    port: server.port))
            #expect(head.contains("\r\nContent-Length: \(body.bytes.count)\r\n"))
            #expect(head.contains("\r\nContent-Type: \(type)\r\n"))
            #expect(head.hasSuffix("\r\n\r\n"))
        }
    }

    @Test("a body in an encoding is refused, and kept where it came under an inbound key")
    func packedBodies() async throws {
        try await BillingShop.with { shop in
            for (path, type) in [
                ("/v1/apps", "application/json"), ("/v1/payment-events", "application/x-ndjson"), (shop.inbound, "text/plain"),
            ] {
                let headers: HTTPFields = [.contentEncoding: "gzip", .contentType: type]
                let answer = try await shop.server.call(.post, path, token: shop.key, json: #"{"name":"n"}"#, headers: headers)
                #expect(answer.status == 415, "\(path): \(answer.text)")
            }
            #expect(try await shop.quarantine().count == 1)
        }
    }

    @Test("a byte order mark before the first line of a backfill is none of it")
    func byteOrderMark() async throws {
        try await BillingShop.with { shop in
            let answer = try await shop.backfill("\u{FEFF}" + BillingShop.Event().data)
            #expect(answer["status"] == .string("recorded"), "\(answer.text)")
        }
    }

    @Test("who meets another publisher's trade number learns that it is taken, and nothing of the payment")
    func foreignConflict() async throws {
        try await BillingShop.with { shop in
            try await shop.callback(BillingShop.Event(), expecting: 200)
            let other = try await BillingShop(shop.server, "Others")
            for event in [BillingShop.Event(), BillingShop.Event(uid: "UID_guess"), BillingShop.Event(amount: 51)] {
                let answer = try await other.callback(event, expecting: 202)
                #expect(answer["detail"] == .string("recorded already for another publisher"), "\(answer.text)")
            }
        }
    }

    @Test("who dismisses a message that another is dismissing hears that it is dismissed, not that it is open")
    func dismissals() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let kept = try await server.call(
                .post, "/v1/payment-events", token: key, json: "no JSON", headers: [.contentType: "application/x-ndjson"], expecting: 200)
            let id = try #require(kept["quarantineId"]?.integer)
            let database = server.services.database
            let waiting: SQL = """
                select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()
                """
            try await withThrowingTaskGroup(of: TestServer.Answer.self) { group in
                try await database.transaction { transaction in
                    _ = try await transaction.run(
                        SQL("update quarantine set state = 'dismissed', resolved_at = now_ms() where id = \(id)").execute)
                    group.addTask {
                        try await server.call(.post, "/v1/quarantine/\(id)/dismissal", token: key, json: #"{"reason":"seen"}"#)
                    }
                    // It has found the message open, and waits for the row.
                    let deadline = ContinuousClock.now + .seconds(20)
                    while try await database.run(waiting.value(Int.self)) == 0 {
                        try #require(ContinuousClock.now < deadline, "the dismissal does not come to the row")
                    }
                }
                let answer = try #require(try await group.next())
                #expect(answer.status == 409)
                #expect(answer["detail"]?.string == "The message is dismissed already.")
            }
        }
    }

    @Test("what is not there below /api is answered 200 with the platform's envelope, as its clients expect")
    func platformEnvelope() async throws {
        try await TestServer.with { server in
            let unknown = try await server.call(.get, "/api/nothing/here?appToken=AT_secret", expecting: 200)
            #expect(unknown["code"]?.integer == 1004)
            #expect(unknown["msg"]?.string == "接口[(GET)/api/nothing/here]不存在")
            #expect(unknown["success"] == .bool(false))
            #expect(unknown["data"] == .null)
        }
    }
}
