import Billing
import Foundation
import HTTPTypes
import ProductCatalog
import TestSupport
import Testing

@testable import MarketServer

/// Every question as of an instant and as known at one, against the fold of the events that were there by both clocks.
@Suite("Two clocks over HTTP")
struct BillingClockTests {
    private typealias Event = BillingShop.Event

    private struct Known: Sendable {
        let event: Event
        let recordedAt: Int

        /// As the rules take it.
        func message() throws -> PaymentEvent {
            try PaymentEvent(
                OrderPay(
                    addTime: Int64(event.addTime), amount: Int64(event.amount), appId: 1, createTime: Int64(event.createTime), prodId: 1,
                    tradeNo: event.tradeNo, type: Int64(event.type), uid: event.uid, payTradeNo: event.payTradeNo),
                product: .init(rawValue: 1), now: .init(milliseconds: 1_700_000_000_000))
        }
    }

    /// What has to be answered for a subscriber: the end, and whether he ever paid.
    private static func due(_ events: [Known], _ uid: String, at: Int, knownAt: Int) throws -> (end: Int, paid: Bool) {
        let counted = events.filter { $0.event.uid == uid && $0.event.createTime <= at && $0.recordedAt <= knownAt }
        let window = PaidWindow(folding: try counted.map { try $0.message() })
        return (Int(window.payEndTime.milliseconds), counted.contains { $0.event.type == 1 })
    }

    private static func history(_ uids: [String], seed: UInt64) -> [Event] {
        var random = SeededRandom(seed: seed)
        var events: [Event] = []
        for number in 1...240 {
            let uid = uids.randomElement(using: &random) ?? ""
            let time = 1_600_000_000_000 + Int.random(in: 0...400, using: &random) * 10_000_000
            let product = Bool.random(using: &random) ? 12 : 13
            let payments = events.filter { $0.uid == uid && $0.type == 1 }
            if Int.random(in: 0..<4, using: &random) == 0, let payment = payments.randomElement(using: &random) {
                events.append(
                    Event(
                        type: 2, uid: uid, tradeNo: "refund-\(number)", payTradeNo: payment.tradeNo, createTime: time,
                        addTime: -Int.random(in: 0...90_000_000, using: &random), amount: -1, prodId: payment.prodId))
            } else {
                events.append(
                    Event(
                        uid: uid, tradeNo: "trade-\(number)", createTime: time, addTime: Int.random(in: 1...90_000_000, using: &random),
                        prodId: product))
            }
        }
        return events.shuffled(using: &random)
    }

    @Test("entitlements, checks, explanations and audiences are the fold of what was true and known then")
    func bothClocks() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("clock seed \(seed)")
        try await BillingShop.with { shop in
            var random = SeededRandom(seed: seed)
            let uids = (1...30).map { "UID_\($0)" }
            let events = Self.history(uids, seed: seed)
            for batch in [events[..<80], events[80..<160], events[160...]] {
                let lines = try await shop.backfill(batch.map(\.data).joined(separator: "\n")).lines
                #expect(lines.allSatisfy { $0["status"] == .string("recorded") })
            }
            var recordedAt: [String: Int] = [:]
            for item in try await shop.feed(of: events.count) { recordedAt[item["tradeNo"]?.string ?? ""] = item["recordedAt"]?.integer }
            let known = try events.map { Known(event: $0, recordedAt: try #require(recordedAt[$0.tradeNo])) }
            let clocks = Array(Set(recordedAt.values)).sorted()
            #expect(clocks.count >= 3)

            for (resource, counted) in [(shop.topic, known), (shop.app, known.filter { $0.event.prodId == 12 })] {
                for _ in 0..<5 {
                    let at = 1_600_000_000_000 + Int.random(in: -10...450, using: &random) * 10_000_000
                    // Now and then all that is known; an instant just before, at and after a batch.
                    let knownAt: Int? = [nil, clocks[0] - 1, clocks[0], clocks[1], clocks[2], 0].randomElement(using: &random) ?? nil
                    let place = "resource \(resource) at \(at) known at \(knownAt ?? -1), seed \(seed)"
                    var due: [String: (end: Int, paid: Bool)] = [:]
                    for uid in uids { due[uid] = try Self.due(counted, uid, at: at, knownAt: knownAt ?? .max) }
                    try await Self.check(shop, resource, at, knownAt, due, place)
                }
            }
        }
    }

    private static func check(
        _ shop: BillingShop, _ resource: Int, _ at: Int, _ knownAt: Int?, _ due: [String: (end: Int, paid: Bool)], _ place: String
    ) async throws {
        let known = knownAt.map { "&knownAt=\($0)" } ?? ""
        for (uid, expected) in due.sorted(by: { $0.key < $1.key }).prefix(6) {
            let query = "resourceId=\(resource)&uid=\(uid)&at=\(at)\(known)"
            let answer = try await shop.get("/v1/entitlements?\(query)")
            #expect(answer["payEndTime"]?.integer == expected.end, "\(uid), \(place)")
            #expect(answer["entitled"] == .bool(at < expected.end), "\(uid), \(place)")
            let explained = try await shop.get("/v1/entitlements/explain?\(query)")
            #expect(explained["payEndTime"]?.integer == expected.end, "\(uid), \(place)")
            #expect((explained["events"]?.array?.last?["payEndTimeAfter"]?.integer ?? 0) == expected.end, "\(uid), \(place)")
        }
        // Each several times, so that order and repetition count.
        let asked = (Array(due.keys) + Array(due.keys) + ["UID_nobody"]).shuffled()
        let body = #"{"resourceId":\#(resource),"uids":\#(asked),"at":\#(at)\#(knownAt.map { #","knownAt":\#($0)"# } ?? "")}"#
        let checks = try await shop.server.call(.post, "/v1/entitlements/checks", token: shop.key, json: body, expecting: 200)
        #expect(checks["data"]?.array?.map { $0["uid"]?.string } == asked)
        #expect(checks["data"]?.array?.map { $0["payEndTime"]?.integer } == asked.map { due[$0]?.end ?? 0 }, "\(place)")

        for mode in ["paid", "unpaid", "all"] {
            let members = due.filter { $0.value.paid && (mode == "all" || (mode == "paid") == (at < $0.value.end)) }
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            let path = "/v1/resources/\(resource)/audience?mode=\(mode)&at=\(at)\(known)"
            let lines = try await shop.get(path).lines
            #expect(lines.map { $0["uid"]?.string } == sorted.map(\.key), "\(mode), \(place)")
            #expect(lines.map { $0["payEndTime"]?.integer } == sorted.map(\.value.end), "\(mode), \(place)")
            let csv = try await shop.server.call(.get, path, token: shop.key, headers: [.accept: "text/csv"], expecting: 200)
            #expect(csv.contentType == "text/csv")
            #expect(csv.text == "uid,payEndTime\n" + sorted.map { "\($0.key),\($0.value.end)\n" }.joined())
            #expect(try await shop.get("\(path)&count=only")["count"]?.integer == sorted.count, "\(mode), \(place)")
        }
    }

    @Test("5,000 uids are asked at once, in order, and no more")
    func manyChecks() async throws {
        try await BillingShop.with { shop in
            try await shop.callback(Event(uid: "UID_7", tradeNo: "trade-7"), expecting: 200)
            let uids = (0..<5_000).map { "UID_\($0 % 100)" }
            func ask(_ uids: [String], _ status: Int, _ more: String = "") async throws -> TestServer.Answer {
                try await shop.server.call(
                    .post, "/v1/entitlements/checks", token: shop.appToken, json: #"{"resourceId":\#(shop.topic),"uids":\#(uids)\#(more)}"#,
                    expecting: status)
            }
            let answer = try await ask(uids, 200, #","at":1664118481675"#)
            #expect(answer["data"]?.array?.map { $0["uid"]?.string } == uids)
            #expect(answer["data"]?.array?.filter { $0["entitled"] == .bool(true) }.count == 50)
            #expect(try await ask(uids + ["UID_x"], 422).fields == ["/uids"])
            #expect(try await ask([], 422).fields == ["/uids"])
            #expect(try await ask(["UID_a", "a b", ""], 422).fields == ["/uids/1", "/uids/2"])
            #expect(try await ask(["UID_a"], 422, #","at":-1"#).fields == ["/at"])
            #expect(try await ask(["UID_a"], 400, #","at":1.5"#).fields == ["/at"])
            // The longest uids that there are still fit the body's limit.
            _ = try await ask((0..<5_000).map { "UID_\($0)_" + String(repeating: "x", count: 64 - "UID_\($0)_".count) }, 200)
        }
    }

    @Test("the published vectors, each as events of a subscriber of its own, in shuffled order and repeated")
    func vectors() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("vector seed \(seed)")
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../BillingTests/vectors/paid-window.json")
        let cases = try #require(try JSONValue(json: Data(contentsOf: file))["cases"]?.array)
        #expect(cases.count >= 39)
        try await BillingShop.with { shop in
            var random = SeededRandom(seed: seed)
            var lines: [String] = []
            for (index, vector) in cases.enumerated() {
                // A trade number belongs to one subscriber; the prefix keeps the order of those of one case.
                for event in vector["events"]?.array ?? [] {
                    let message = Event(
                        type: event["type"]?.integer ?? 0, uid: "UID_\(index)", tradeNo: "c\(index)-\(event["tradeNo"]?.string ?? "")",
                        payTradeNo: event["payTradeNo"]?.string.map { "c\(index)-\($0)" }, createTime: event["createTime"]?.integer ?? 0,
                        addTime: event["addTime"]?.integer ?? 0, amount: event["amount"]?.integer ?? 0, prodId: 13)
                    lines += Array(repeating: message.data, count: Int.random(in: 1...3, using: &random))
                }
            }
            lines.shuffle(using: &random)
            let answers = try await shop.backfill(lines.joined(separator: "\n")).lines
            let wrong = answers.filter { ![.string("recorded"), .string("duplicate")].contains($0["status"]) }
            #expect(wrong.prefix(3) == [], "seed \(seed)")
            for (index, vector) in cases.enumerated() {
                let name = "\(vector["name"]?.string ?? ""), seed \(seed)"
                #expect(try await shop.payEndTime("UID_\(index)") == vector["payEndTime"]?.integer, "\(name)")
                for asOf in vector["asOf"]?.array ?? [] {
                    let at = asOf["at"]?.integer ?? 0
                    let answer = try await shop.get("/v1/entitlements?resourceId=\(shop.topic)&uid=UID_\(index)&at=\(at)")
                    #expect(answer["payEndTime"] == asOf["payEndTime"] && answer["entitled"] == asOf["entitled"], "at \(at), \(name)")
                }
                let runs = try await shop.get("/v1/entitlements/explain?resourceId=\(shop.topic)&uid=UID_\(index)")["runs"]?.array
                #expect(runs?.map { $0["start"] } == vector["runs"]?.array?.map { $0["start"] }, "\(name)")
                #expect(runs?.map { $0["end"] } == vector["runs"]?.array?.map { $0["end"] }, "\(name)")
            }
        }
    }

    @Test("an event of a clock that runs ahead counts from its own time on, wherever it is asked about")
    func aheadOfTime() async throws {
        try await BillingShop.with { shop in
            let now = Int(Date().timeIntervalSince1970 * 1000)
            try await shop.callback(.init(uid: "UID_ahead", createTime: now + 240_000), expecting: 200)
            for path in ["/v1/entitlements", "/v1/entitlements/explain"] {
                let query = "\(path)?resourceId=\(shop.topic)&uid=UID_ahead"
                let today = try await shop.get(query)
                #expect(today["entitled"] == .bool(false) && today["payEndTime"]?.integer == 0, "\(today.text)")
                let then = try await shop.get("\(query)&at=\(now + 240_000)")
                #expect(then["entitled"] == .bool(true) && then["payEndTime"]?.integer == now + 240_000 + 86_400_000, "\(then.text)")
            }
        }
    }
}
