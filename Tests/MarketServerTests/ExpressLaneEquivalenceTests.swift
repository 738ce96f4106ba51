import Foundation
import TestSupport
import Testing

@testable import MarketServer

/// The lane reads the bytes of a connection before HTTP's decoder does. Should the two ever differ on where a request ends, a sender could have one
/// answered that nobody else saw (request smuggling, RFC 9112 §11.2). So servers with the lane and without it are sent the same bytes.
@Suite("The short way, held to the router")
struct ExpressLaneEquivalenceTests {
    @Test("whatever is sent, and in whichever pieces, is answered as the router alone answers it")
    func equivalence() async throws {
        let first = UInt64.random(in: 0..<1 << 32)
        try await BillingShop.with { shop in
            // Recorded beforehand, so that it is a duplicate for both.
            let event = BillingShop.Event()
            try await shop.callback(event, expecting: 200)
            try await shop.get("/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx")
            try await TestServer.with(over: shop.server.database, isExpress: false) { router in
                var statuses: [String: Int] = [:]
                for seed in first..<first + 150 {
                    var random = SeededRandom(seed: seed)
                    let stream = Stream(shop, event, &random)
                    let pieces = Bool.random(using: &random) ? nil : Int.random(in: 1...200, using: &random)
                    func answers(of server: TestServer) async throws -> [String] {
                        let heard = await RawConnection.exchange(
                            stream.text, port: server.port, limitSeconds: 10, endsSending: true, pieces: pieces)
                        return Self.answers(try #require(heard, "seed \(seed): not closed\n\(stream.text.debugDescription)"))
                    }
                    let (ours, theirs) = (try await answers(of: shop.server), try await answers(of: router))
                    #expect(ours == theirs, "seed \(seed)\n\(stream.text.debugDescription)")
                    for answer in ours { statuses[String(answer.prefix(3)), default: 0] += 1 }
                }
                // Else hardly anything was compared.
                #expect(statuses["200", default: 0] > 100 && statuses["400", default: 0] > 10, "\(statuses), seed \(first)")
            }
        }
    }

    /// Statuses and bodies, without the instants and numbers that differ from one time to the next.
    private static func answers(_ heard: String) -> [String] {
        heard.components(separatedBy: "HTTP/1.1 ").dropFirst().map { answer in
            let body = answer.components(separatedBy: "\r\n\r\n").dropFirst().joined()
            return "\(answer.prefix(3)) \(body.replacing(/[0-9]{10,}/, with: "n").replacing(/"requestId":"[0-9a-f]+"/, with: ""))"
        }
    }

    /// Some requests behind each other, most of them a little wrong.
    private struct Stream {
        var text = ""

        init(_ shop: BillingShop, _ event: BillingShop.Event, _ random: inout SeededRandom) {
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                text += Bool.random(using: &random) ? Self.callback(shop, event, &random) : Self.question(shop, &random)
            }
            if Int.random(in: 0..<8, using: &random) == 0 {
                text = String(text.utf8.dropLast(Int.random(in: 1...40, using: &random))) ?? text
            }
        }

        private static func oneOf(_ choices: [String], _ random: inout SeededRandom) -> String {
            choices.randomElement(using: &random) ?? ""
        }

        /// The usual one, or once in some times another.
        private static func mostly(_ usual: String, _ others: [String], _ random: inout SeededRandom) -> String {
            Int.random(in: 0..<8, using: &random) == 0 ? oneOf(others, &random) : usual
        }

        private static func fields(_ random: inout SeededRandom) -> String {
            var fields = mostly("Host: x\r\n", ["", "Host: x\r\nHost: y\r\n", "host:x\r\n", "Host:\tx\r\n"], &random)
            for _ in 0..<Int.random(in: 0...2, using: &random) {
                fields += mostly(
                    "Accept: */*\r\n",
                    [
                        "Connection: close\r\n", "Connection: Keep-Alive\r\n", "Connection: keep-alive, x\r\n", "Upgrade: h2c\r\n",
                        "Proxy-Connection: close\r\n", "Proxy-Connection: keep-alive\r\n",
                        "Expect: 100-continue\r\n", "A: b\n", " A: b\r\n", "A : b\r\n", "A: b\r\n c\r\n", "A:\r\n", "A\r\n", ": b\r\n",
                        "A: \u{1}\r\n", "A: é\r\n", "A: b\rC: d\r\n", "A_b: c\r\n", "A.b: c\r\n", "Content-Encoding: identity\r\n",
                        "Transfer-Encoding: identity\r\n", "Trailer: A\r\n", "Content-Length : 3\r\n",
                    ], &random)
            }
            return fields
        }

        private static func callback(_ shop: BillingShop, _ event: BillingShop.Event, _ random: inout SeededRandom) -> String {
            let path = shop.inbound
            // A body that could be taken for a request of its own.
            let inner = "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
            let body = mostly(event.callback, ["", "{}", inner, event.callback + "\n", event.callback + inner], &random)
            let count = body.utf8.count
            let line = mostly(
                "POST \(path) HTTP/1.1",
                [
                    "POST \(path) HTTP/1.0", "POST  \(path) HTTP/1.1", "POST \(path)  HTTP/1.1",
                    "post \(path) HTTP/1.1",
                    "POST \(path)? HTTP/1.1", "POST \(path)?a=b HTTP/1.1", "POST \(path)#a HTTP/1.1",
                    "POST http://x\(path) HTTP/1.1", "POST \(path)/ HTTP/1.1", "POST \(path)x HTTP/1.1",
                    "\r\nPOST \(path) HTTP/1.1", "POST \(path) HTTP/1.1 ", "POST \(path)",
                    "HEAD \(path) HTTP/1.1",
                ], &random)
            let length = mostly(
                "Content-Length: \(count)\r\n",
                [
                    "", "Content-Length: \(count + 1)\r\n", "Content-Length: \(max(0, count - 1))\r\n", "Content-Length: +\(count)\r\n",
                    "Content-Length: 0\(count)\r\n", "Content-Length: \(count), \(count)\r\n",
                    "Content-Length: \(count)\r\nContent-Length: \(count)\r\n",
                    "Content-Length: \(count)\r\nContent-Length: \(count + 1)\r\n", "Content-Length: 99999999999999999999\r\n",
                    "content-length:\(count)\r\n", "Content-Length: \(count) \r\n", "Content-Length: 0x\(String(count, radix: 16))\r\n",
                    "Content-Length: \(count)\r\nTransfer-Encoding: chunked\r\n", "Content-Length: -1\r\n", "Content-Length:\r\n",
                ], &random)
            guard Int.random(in: 0..<8, using: &random) > 0 else {
                return "\(line)\r\n\(fields(&random))Transfer-Encoding: chunked\r\n\r\n\(String(count, radix: 16))\r\n\(body)\r\n0\r\n\r\n"
            }
            return "\(line)\r\n\(fields(&random))\(length)\r\n\(body)"
        }

        private static func question(_ shop: BillingShop, _ random: inout SeededRandom) -> String {
            let path = "/v1/entitlements?resourceId=\(shop.topic)&uid=UID_xxxxxxx&at=1600000000000"
            let line = mostly(
                "GET \(path) HTTP/1.1",
                [
                    "HEAD \(path) HTTP/1.1", "GET \(path)&at=1 HTTP/1.1", "GET \(path)&a=%41 HTTP/1.1", "GET /v1/entitlements HTTP/1.1",
                    "GET \(path)#a HTTP/1.1", "GET /v1/entitlements/?resourceId=1&uid=a HTTP/1.1", "GET /healthz HTTP/1.1",
                    "PUT \(path) HTTP/1.1",
                    "GET \(path) HTTP/1.1\nX: y", "GET \(path) HTTP/2.0", "GET \(path) a HTTP/1.1",
                ], &random)
            let token = mostly(
                "Authorization: Bearer \(shop.key)\r\n",
                [
                    "", "authorization: bearer   \(shop.key)\r\n", "Authorization: Bearer \(shop.key)\r\nAuthorization: Bearer x\r\n",
                    "Authorization: Bearer x\r\n", "Authorization: Basic \(shop.key)\r\n", "Authorization: Bearer \(shop.appToken)\r\n",
                    "Authorization: Bearer \(shop.key) x\r\n", "Authorization:Bearer\t\(shop.key)\r\n",
                ], &random)
            let body = mostly("", ["Content-Length: 2\r\n\r\n{}", "Content-Length: 0\r\n\r\n"], &random)
            return "\(line)\r\n\(fields(&random))\(token)" + (body.isEmpty ? "\r\n" : body)
        }
    }
}
