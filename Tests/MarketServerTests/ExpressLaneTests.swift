import Foundation
import HTTPTypes
import Hummingbird
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

    @Test("heads of both ways have the same fields, spelled the same")
    func spelling() async throws {
        try await BillingShop.with { shop in
            let callback = BillingShop.Event().callback
            let heard = try #require(
                await RawConnection.exchange(
                    Self.post(shop.inbound, callback) + Self.post(shop.inbound, callback, "Connection: close\r\n"), port: shop.server.port))
            let names = heard.components(separatedBy: "HTTP/1.1 200 OK\r\n").dropFirst().map { answer in
                Set(
                    answer.components(separatedBy: "\r\n\r\n")[0].components(separatedBy: "\r\n").map { $0.components(separatedBy: ":")[0] }
                )
            }
            #expect(names.count == 2 && names[0] == names[1], "\(heard)")
            let ids = heard.components(separatedBy: "X-Request-Id: ").dropFirst().map { $0.prefix(while: \.isHexDigit).count }
            // The router's second half has as few digits as it needs.
            #expect(ids.count == 2 && ids[0] == 32 && (17...32).contains(ids[1]), "\(heard)")
        }
    }

    @Test("a request that comes in pieces is answered like one that comes at once", arguments: [1, 40, 4_000])
    func pieces(size: Int) async throws {
        try await BillingShop.with { shop in
            let event = BillingShop.Event()
            let key = "Authorization: Bearer \(shop.key)\r\n"
            let question = "/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx"
            var padded = event
            padded.tradeNo = "T-PADDED"
            let long = padded.callback.replacing("{", with: "{" + String(repeating: " ", count: 9_000), maxReplacements: 1)
            let requests =
                Self.post(shop.inbound, event.callback) + Self.get("/healthz") + Self.post(shop.inbound, long) + Self.get(question, key)
                + Self.post("/v1/apps", "{}", key) + Self.get(question, key) + Self.get("/healthz", "Connection: close\r\n")
            let heard = try #require(await RawConnection.exchange(requests, port: shop.server.port, pieces: size))
            #expect(Self.answers(heard).map(\.status) == ["200", "200", "200", "200", "415", "200", "200"], "\(heard)")
            let all = try await shop.server.services.database.run(SQL("select count(*) from payment_event").value(Int.self))
            #expect(all == 2)
        }
    }

    @Test("each request of a connection is answered for its own token, whoever asked before it")
    func tokens() async throws {
        try await BillingShop.with { shop in
            let question = "/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx"
            _ = try await shop.get(question)
            // As long as the key, and but one character different: at the end, and at the beginning.
            let wrong = [String(shop.key.dropLast()) + (shop.key.last == "A" ? "B" : "A"), "q" + shop.key.dropFirst()]
            let tokens = [shop.key, wrong[0], shop.key, wrong[1], "", shop.appToken, shop.key]
            let requests = tokens.enumerated().map { index, token in
                let credentials = token.isEmpty ? "" : "Authorization: Bearer \(token)\r\n"
                return Self.get(question, index == tokens.count - 1 ? credentials + "Connection: close\r\n" : credentials)
            }
            let heard = try #require(await RawConnection.exchange(requests.joined(), port: shop.server.port))
            #expect(Self.answers(heard).map(\.status) == ["200", "401", "200", "401", "401", "200", "200"], "\(heard)")
        }
    }

    @Test("requests take turns on a connection without one that the router has in part being answered past it")
    func turns() async throws {
        try await BillingShop.with { shop in
            // The body of the first looks like a request: it must not be taken for one.
            let inner = Self.post(shop.inbound, BillingShop.Event().callback)
            let outer =
                "POST /v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: \(inner.utf8.count)\r\n\r\n"
            let heard = try #require(
                await RawConnection.exchange(
                    outer + inner + Self.get("/healthz", "Connection: close\r\n"), port: shop.server.port, pieces: outer.utf8.count))
            #expect(Self.answers(heard).map(\.status) == ["401", "200"], "\(heard)")
            let recorded = try await shop.server.services.database.run(SQL("select count(*) from payment_event").value(Int.self))
            #expect(recorded == 0)
        }
    }

    @Test("a head that could be read in two ways is the router's")
    func strictness() throws {
        let route = ExpressRoute(Route(.post, "/v1/inbound/{inboundKey}", .anyone) { _, _ in Response(status: .ok) }, maxBody: 100) {
            _, _, _ in
            false
        }
        func length(_ text: some Collection<UInt8>) -> Int? { Array(text).withUnsafeBytes { ExpressArrival($0, for: route)?.length } }
        func length(_ text: String) -> Int? { length(text.utf8) }
        let start = "POST /v1/inbound/key HTTP/1.1\r\nHost: x\r\n"
        let spaced = start + "content-LENGTH:  7  \r\nConnection: Keep-Alive\r\n\r\n"
        #expect(length(spaced) == spaced.utf8.count + 7)
        for rest in [
            "Content-Length: 7\r\nContent-Length: 7\r\n", "Content-Length: +7\r\n", "Content-Length: \r\n", "Content-Length: 101\r\n",
            "Content-Length: 99999999999999999999\r\n", "Transfer-Encoding: chunked\r\n", "transfer-encoding: identity\r\n", "Host: y\r\n",
            "Connection: close\r\n", "Connection: keep-alive, upgrade\r\n", "Proxy-Connection: keep-alive\r\n", "Expect: 100-continue\r\n",
            "Content-Encoding: gzip\r\n",
            "Upgrade: h2c\r\n", "A: b\n", "A: b\rC: d\r\n", " A: b\r\n", "A : b\r\n", "A: b\r\n c\r\n", "A: \u{0}\r\n", "A: é\r\n",
            ": b\r\n", "A\r\n",
            "Authorization: a\r\nAuthorization: a\r\n",
        ] {
            #expect(length(start + rest + "\r\n") == nil, "\(rest)")
        }
        for start in [
            "POST /v1/inbound/ HTTP/1.1", "POST /v1/inbound/a/b HTTP/1.1", "POST /v1/inbound/a%20 HTTP/1.1", "POST /v1/inbound/a HTTP/1.0",
            "POST  /v1/inbound/a HTTP/1.1", "POST /v1/inbound/a  HTTP/1.1", "POST /v1/inbound/a?b#c HTTP/1.1",
            "post /v1/inbound/a HTTP/1.1",
            "PUT /v1/inbound/a HTTP/1.1", "\r\nPOST /v1/inbound/a HTTP/1.1", "POST http://x/v1/inbound/a HTTP/1.1",
        ] {
            #expect(length(start + "\r\nHost: x\r\n\r\n") == nil, "\(start)")
        }
        let whole = (start + "Content-Length: 0\r\n\r\n").utf8
        for count in 0..<whole.count { #expect(length(whole.prefix(count)) == nil) }
        #expect(length(whole) == whole.count)
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
