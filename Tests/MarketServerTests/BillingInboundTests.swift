import AsyncHTTPClient
import Foundation
import HTTPTypes
import NIOCore
import Testing

@testable import MarketServer

@Suite("Callbacks of the hosted platform")
struct BillingInboundTests {
    private typealias Event = BillingShop.Event

    @Test("an action that nobody knows is answered, kept and never applied")
    func unknownAction() async throws {
        try await BillingShop.with { shop in
            let body = #"{"action":"app_subscribe","data":{"uid":"UID_a","appId":30630}}"#
            for _ in 0..<2 { #expect(try await shop.callback(body, expecting: 200)["status"] == .string("ignored")) }
            #expect(try await shop.callback(#"{"action":""}"#, expecting: 200)["status"] == .string("ignored"))
            let kept = try await shop.quarantine()
            #expect(kept.map { $0["reason"] } == [.string("unknown_action"), .string("unknown_action")])
            #expect(kept.last?["body"] == .string(body) && kept.last?["state"] == .string("ignored"))
            let id = try #require(kept.last?["id"]?.integer)
            try await shop.server.call(.post, "/v1/quarantine/\(id)/replay", token: shop.key, expecting: 409)
            #expect(try await shop.feed() == [])
        }
    }

    @Test("the same identity with another content is quarantined under one number, and the first stands")
    func conflict() async throws {
        try await BillingShop.with { shop in
            try await shop.callback(Event(), expecting: 200)
            let end = try await shop.payEndTime("UID_xxxxxxx")
            var ids: Set<Int> = []
            for other in [
                Event(amount: 51), Event(addTime: 86_400_001), Event(createTime: 1_664_118_481_676), Event(uid: "UID_other"),
                Event(prodId: 13),
            ] {
                let answers = [try await shop.callback(other, expecting: 202), try await shop.callback(other, expecting: 202)]
                #expect(answers.allSatisfy { $0["reason"] == .string("conflict") })
                #expect(answers[0]["quarantineId"] == answers[1]["quarantineId"])
                ids.insert(try #require(answers[0]["quarantineId"]?.integer))
                let kept = try await shop.get("/v1/quarantine/\(ids.max() ?? 0)")
                #expect(kept["body"] == .string(other.callback) && kept["tradeNo"] == .string(other.tradeNo))
            }
            #expect(ids.count == 5)
            #expect(try await shop.payEndTime("UID_xxxxxxx") == end)
            #expect(try await shop.payEndTime("UID_other") == 0)
            #expect(try await shop.callback(Event(), expecting: 200)["status"] == .string("duplicate"))
            // A replay finds the same conflict under the same number; a dismissal closes it once.
            let id = try #require(ids.first)
            let replayed = try await shop.server.call(.post, "/v1/quarantine/\(id)/replay", token: shop.key, expecting: 200)
            #expect(replayed["status"] == .string("quarantined") && replayed["quarantineId"]?.integer == id)
            let dismissal = #"{"reason":"the platform's mistake"}"#
            let path = "/v1/quarantine/\(id)/dismissal"
            #expect(
                try await shop.server.call(.post, path, token: shop.key, json: dismissal, expecting: 200)["state"] == .string("dismissed"))
            try await shop.server.call(.post, path, token: shop.key, json: dismissal, expecting: 409)
            try await shop.server.call(.post, "/v1/quarantine/\(id)/replay", token: shop.key, expecting: 409)
        }
    }

    @Test("a well-formed message that breaks a rule is quarantined, and says which rule")
    func invalid() async throws {
        try await BillingShop.with { shop in
            let tomorrow = Int(Date().timeIntervalSince1970 * 1000) + 86_400_000
            for (event, field) in [
                (Event(type: 3), "type"), (Event(addTime: 0), "addTime"), (Event(addTime: -1), "addTime"), (Event(amount: -1), "amount"),
                (Event(type: 2), "addTime"), (Event(type: 2, addTime: -1), "amount"), (Event(createTime: tomorrow), "createTime"),
                (Event(createTime: 1_420_070_399_999), "createTime"), (Event(addTime: 3_153_600_000_001), "addTime"),
                (Event(tradeNo: "short"), "tradeNo"), (Event(tradeNo: "with space"), "tradeNo"),
                (Event(tradeNo: String(repeating: "1", count: 65)), "tradeNo"), (Event(uid: ""), "uid"), (Event(uid: "a b"), "uid"),
                (Event(payTradeNo: "a-payment"), "payTradeNo"), (Event(uid: "UID_\\u0000"), "uid"),
                (Event(tradeNo: "trade-\\u0000"), "tradeNo"),
            ] {
                let answer = try await shop.callback(event, expecting: 202)
                #expect(answer["reason"] == .string("invalid"), "\(event)")
                #expect(answer["detail"]?.string?.contains(field) == true, "\(event): \(answer.text)")
                #expect(try await shop.callback(event, expecting: 202)["quarantineId"] == answer["quarantineId"])
            }
            #expect(try await shop.quarantine("&reason=invalid&state=open").count == 17)
            #expect(try await shop.feed() == [])
        }
    }

    @Test("what is no callback at all is 400, names the place, and is kept once, byte for byte")
    func malformed() async throws {
        try await BillingShop.with { shop in
            let data = Event().data
            func without(_ field: String) throws -> String {
                Event().callback.replacing(try Regex(#""\#(field)":("[^"]*"|-?[0-9]+),?"#), with: "").replacing(",}", with: "}")
            }
            var bodies: [(String, [String])] = [
                ("", []), ("{", []), (String(Event().callback.dropLast()), []), (Event().callback + "x", []), ("null", [""]), ("[]", [""]),
                ("5", [""]),
                ("{}", ["/action"]), (#"{"action":1,"data":\#(data)}"#, ["/action"]), (#"{"action":"order_pay"}"#, ["/data"]),
                (#"{"action":"order_pay","data":null}"#, ["/data"]), (#"{"action":"order_pay","data":[]}"#, ["/data"]),
                (#"{"action":"order_pay","action":"order_pay","data":\#(data)}"#, []),
                (Event().callback.replacing(#""amount":50"#, with: #""amount":50,"amount":50"#), []),
                (#"{"action":null,"data":\#(data)}"#, ["/action"]),
                (#"{"action":"order_pay","data":\#(String(repeating: "[", count: 5_000))"#, []),
            ]
            for field in ["addTime", "amount", "appId", "createTime", "prodId", "type"] {
                bodies.append((try without(field), ["/data/\(field)"]))
                for wrong in [
                    "1.5", "1e3", "9007199254740992", "-9007199254740992", "1e400", "1E30", "true", "null", #""5""#, "[]", "{}", "1.0",
                    "-0.0",
                ] {
                    bodies.append(
                        (Event().callback.replacing(try Regex(#""\#(field)":[0-9]+"#), with: #""\#(field)":\#(wrong)"#), ["/data/\(field)"])
                    )
                }
            }
            for field in ["tradeNo", "uid"] {
                bodies.append((try without(field), ["/data/\(field)"]))
                for wrong in ["5", "null", "[]", "false"] {
                    bodies.append(
                        (
                            Event().callback.replacing(try Regex(#""\#(field)":"[^"]*""#), with: #""\#(field)":\#(wrong)"#),
                            ["/data/\(field)"]
                        ))
                }
            }
            for (body, pointers) in bodies {
                for _ in 0..<2 { #expect(try await shop.callback(body, expecting: 400).fields == pointers, "\(body.prefix(300))") }
            }
            let invalidUTF8 = Array(#"{"action":"order_pay","x":""#.utf8) + [0xC3, 0x28] + Array(#""}"#.utf8)
            for _ in 0..<2 {
                try await shop.server.call(.post, shop.inbound, body: .bytes(invalidUTF8), expecting: 400)
            }
            let kept = try await shop.quarantine("&reason=malformed")
            #expect(kept.count == Set(bodies.map(\.0)).count + 1)
            #expect(kept.first?["bodyBase64"] == .string(Data(invalidUTF8).base64EncodedString()) && kept.first?["body"] == .null)
            #expect(Set(kept.dropFirst().compactMap { $0["body"]?.string }) == Set(bodies.map(\.0)))
            #expect(try await shop.feed() == [])
            // Replaying what is no message leaves it where it is.
            let id = try #require(kept.first?["id"]?.integer)
            let replayed = try await shop.server.call(.post, "/v1/quarantine/\(id)/replay", token: shop.key, expecting: 200)
            #expect(replayed["status"] == .string("quarantined") && replayed["quarantineId"]?.integer == id)
        }
    }

    @Test("integers at their limits in every field are answered, never with a failure")
    func extremes() async throws {
        try await BillingShop.with { shop in
            let limits = [
                "-9223372036854775808", "9223372036854775807", "-9223372036854775809", "9223372036854775808", "9007199254740991",
                "-9007199254740991", "0", "-1", "1", "-0", "1e30", "32767", "32768", "-32769", "65537", "4294967297", "2147483648",
                "3153600000000", "-3153600000000", "1420070400000", "00", "+1", "0x1", "NaN", "-", "1.", ".5",
            ]
            for type in ["1", "2"] {
                for field in ["addTime", "amount", "appId", "createTime", "prodId", "type"] {
                    for limit in limits {
                        let body = Event().callback.replacing(#""type":1"#, with: #""type":\#(type)"#)
                            .replacing(try Regex(#""\#(field)":[0-9]+"#), with: #""\#(field)":\#(limit)"#)
                        let answer = try await shop.callback(body)
                        #expect([200, 202, 400].contains(answer.status), "\(body): \(answer.text)")
                    }
                }
            }
            try await shop.server.call(.get, "/readyz", expecting: 200)
        }
    }

    @Test("a body that is too long is 413, and its beginning is kept once")
    func oversized() async throws {
        try await BillingShop.with { shop in
            let limit = 65_536
            let filler = Event().callback.dropLast() + #","filler":""#
            let exactly = filler + String(repeating: "x", count: limit - filler.utf8.count - 2) + #""}"#
            #expect(exactly.utf8.count == limit)
            #expect(try await shop.callback(String(exactly), expecting: 200)["status"] == .string("recorded"))
            let over = String(exactly) + " "
            for _ in 0..<2 { try await shop.callback(over, expecting: 413) }
            // The limit does not hang on a declared length.
            let chunks = (0..<64).map { _ in ByteBuffer(repeating: 0x20, count: 4_096) }
            for _ in 0..<2 {
                try await shop.server.call(.post, shop.inbound, body: .stream(AsyncSequenceOf(chunks), length: .unknown), expecting: 413)
            }
            // What follows the beginning is not read, so it makes no other body: the entry says so.
            try await shop.callback(over + "and more", expecting: 413)
            let kept = try await shop.quarantine()
            #expect(kept.map { $0["reason"] } == [.string("oversized"), .string("oversized")])
            #expect(kept.allSatisfy { $0["detail"]?.string?.contains("once for all that begin so") == true })
            #expect(kept.last?["body"]?.string?.utf8.count == limit)
        }
    }

    @Test("a key that nobody has is 404, and so is one that was replaced")
    func unknownKey() async throws {
        try await BillingShop.with { shop in
            for key in [
                "x", "%00", "..%2F", String(repeating: "a", count: 2_000), String(shop.inbound.dropFirst("/v1/inbound/".count)) + "x",
                "%FF",
            ] {
                try await shop.server.call(.post, "/v1/inbound/\(key)", json: Event().callback, expecting: 404)
            }
            let rotated = try await shop.server.call(.post, "/v1/apps/\(shop.app)/inbound-key", token: shop.key, expecting: 200)
            try await shop.callback(Event(), expecting: 404)
            let inbound = try #require(rotated["inboundUrl"]?.string).replacing("https://market.test", with: "")
            try await shop.server.call(.post, inbound, json: Event().callback, expecting: 200)
        }
    }
}

/// Elements that are there, as a stream.
struct AsyncSequenceOf<Element: Sendable>: AsyncSequence, Sendable {
    let elements: [Element]

    init(_ elements: [Element]) {
        self.elements = elements
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        var rest: ArraySlice<Element>
        mutating func next() async -> Element? { rest.popFirst() }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(rest: elements[...]) }
}
