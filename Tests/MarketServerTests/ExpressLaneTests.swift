import Foundation
import HTTPTypes
import PGClient
import TestSupport
import Testing

@testable import MarketServer

@Suite("The short way to the commonest answers")
struct ExpressLaneTests {
    private static func post(_ path: String, _ body: String, _ headers: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static func get(_ path: String, _ headers: String = "") -> String { "GET \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n" }

    /// Statuses with the bodies behind them, in the order in which they came.
    private static func answers(_ heard: String) -> [(status: String, body: String)] {
        heard.components(separatedBy: "HTTP/1.1 ").dropFirst().map { answer in
            (String(answer.prefix(3)), answer.components(separatedBy: "\r\n\r\n").dropFirst().joined())
        }
    }

    @Test("requests that are sent at once are answered in their order, whichever way each goes")
    func order() async throws {
        try await BillingShop.with { shop in
            let key = "Authorization: Bearer \(shop.key)\r\n"
            let question = "/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx"
            _ = try await shop.get(question)
            let event = BillingShop.Event()
            var unknown = event
            (unknown.prodId, unknown.tradeNo) = (99, "T-UNKNOWN-PRODUCT")
            let chunk = event.callback
            let heard = try #require(
                await RawConnection.exchange(
                    Self.post(shop.inbound, event.callback) + Self.get("/healthz") + Self.post(shop.inbound, event.callback)
                        + Self.get(question, key) + Self.post(shop.inbound, unknown.callback) + Self.get(question)
                        + Self.get("\(question)&at=1", key)
                        + "POST \(shop.inbound) HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(String(chunk.utf8.count, radix: 16))\r\n\(chunk)\r\n0\r\n\r\n"
                        + Self.post(shop.inbound, "{}") + Self.post(shop.inbound + "x", event.callback)
                        + Self.post(shop.inbound, event.callback, "Connection: close\r\n"), port: shop.server.port))
            let answers = Self.answers(heard)
            #expect(answers.map(\.status) == ["200", "200", "200", "200", "202", "401", "200", "200", "400", "404", "200"], "\(heard)")
            #expect(answers[0].body == #"{"status":"recorded"}"# && answers[1].body == #"{"status":"ok"}"#)
            #expect(answers[3].body.contains(#""entitled":false,"payEndTime":1664204881675}"#), "\(answers[3])")
            #expect(answers[6].body.contains(#""at":1,"entitled":false,"payEndTime":0}"#), "\(answers[6])")
            for index in [2, 7, 10] { #expect(answers[index].body == #"{"status":"duplicate"}"#) }
        }
    }

    @Test("who says that nothing more will come still gets his answer, and so does one behind whose request there is rubbish")
    func endings() async throws {
        try await BillingShop.with { shop in
            let request = Self.post(shop.inbound, BillingShop.Event().callback)
            let half = try #require(await RawConnection.exchange(request, port: shop.server.port, endsSending: true))
            #expect(Self.answers(half).map(\.body) == [#"{"status":"recorded"}"#], "\(half)")
            let rubbish = try #require(await RawConnection.exchange(request + "\u{1}\r\n\r\n", port: shop.server.port))
            #expect(Self.answers(rubbish).map(\.status) == ["200", "400"], "\(rubbish)")
            let both = try #require(await RawConnection.exchange(request + request, port: shop.server.port, endsSending: true))
            #expect(Self.answers(both).map(\.body) == Array(repeating: #"{"status":"duplicate"}"#, count: 2), "\(both)")
        }
    }

    @Test("an answer looks as the router's do, and is logged and measured as they are")
    func appearance() async throws {
        let log = LogCapture()
        try await TestServer.with(logger: log.logger()) { server in
            let shop = try await BillingShop(server)
            var fields: [[String: String]] = []
            // The second, with a header that is not for the short way, goes to the router.
            for headers: HTTPFields in [[:], [.contentEncoding: "identity"]] {
                let answer = try await server.call(
                    .post, shop.inbound, json: BillingShop.Event().callback, headers: headers, expecting: 200)
                fields.append(
                    Dictionary(answer.headers.map { ($0.name.canonicalName, $0.value) }, uniquingKeysWith: { $1 })
                        .filter { !["x-request-id", "date", "content-length"].contains($0.key) })
                let date = try #require(answer.headers[.date])
                #expect(date.wholeMatch(of: /[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} GMT/) != nil, "\(date)")
            }
            #expect(fields[0] == fields[1])
            let lines = log.lines.filter { "\($0)".contains("/v1/inbound/{inboundKey}") }
            #expect(lines.count == 2, "\(lines)")
            let metrics = try await server.call(.get, "/metrics", expecting: 200).text
            #expect(metrics.contains(#"route="/v1/inbound/{inboundKey}""#), "\(metrics)")
        }
    }

    @Test("a callback that is sent while the server is told to end is answered")
    func ending() async throws {
        try await BillingShop.with { shop in
            let statuses = try await withThrowingTaskGroup(of: [String].self) { group in
                for number in 0..<20 {
                    group.addTask {
                        let requests = (0..<20).map { Self.post(shop.inbound, BillingShop.Event(tradeNo: "END-\(number)-\($0)").callback) }
                        let heard = await RawConnection.exchange(requests.joined(), port: shop.server.port)
                        return Self.answers(heard ?? "").map(\.status)
                    }
                }
                group.addTask {
                    // Some are recorded: the rest is under way.
                    let deadline = ContinuousClock.now + .seconds(20)
                    let recorded = SQL("select count(*) from payment_event").value(Int.self)
                    while try await shop.server.services.database.run(recorded) < 20, ContinuousClock.now < deadline {}
                    await shop.server.shutDown()
                    return []
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(statuses.count >= 20 && statuses.allSatisfy { $0 == "200" }, "\(statuses)")
        }
    }
}
