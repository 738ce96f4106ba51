import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

@Suite("Audiences")
struct AudienceTests {
    /// Enough for several chunks of a copy (64 KiB each).
    private static let subscribers = 6_000

    @Test("wherever the windows lie that have to be folded, members and their number are what the fold of the events says")
    func staleWindowsAnywhere() async throws {
        try await BillingFixture.with { market in
            var random = SeededRandom(seed: 11)
            let base: Int64 = 1_664_118_481_675
            var histories: [UID: [PaymentEvent]] = [:]
            func event(_ uid: UID, _ number: Int, _ kind: PaymentEvent.Kind, at: Int64, adding: Int64) throws -> PaymentEvent {
                PaymentEvent(
                    kind: kind, tradeNumber: try #require(TradeNumber("T\(number)-\(uid)")),
                    payTradeNumber: kind == .refund ? TradeNumber("T0-\(uid)") : nil, uid: uid,
                    createTime: Instant(milliseconds: base + at),
                    addTime: TimeSpan(milliseconds: adding), amount: .zero, productID: BillingFixture.topicOnly)
            }
            for number in 0..<Self.subscribers {
                let uid = try #require(UID("UID_\(String(repeating: "0", count: 4 - String(number).count))\(number)"))
                var events = [
                    try event(
                        uid, 0, .payment, at: Int64.random(in: 0...90, using: &random), adding: Int64.random(in: 1...60, using: &random))
                ]
                if Int.random(in: 0..<10, using: &random) == 0 {
                    events.append(
                        try event(
                            uid, 1, .refund, at: Int64.random(in: 0...99, using: &random), adding: -Int64.random(in: 1...60, using: &random)
                        ))
                }
                // A refund alone makes nobody a member.
                if Int.random(in: 0..<50, using: &random) == 0 { events.removeFirst() }
                if events.isEmpty { events = [try event(uid, 2, .refund, at: 5, adding: -5)] }
                histories[uid] = events
            }
            try await record(histories, market)
            // At 100 no window is stale. Then later events make a few so: first, last, in the middle, and many in a row.
            try await compare(market, histories, Instant(milliseconds: base + 100))
            let uids = histories.keys.sorted()
            for places in [[2_500], [0], [Self.subscribers - 1], Array(1_400..<1_500), Array(0..<Self.subscribers).filter { $0 % 97 == 0 }]
            {
                var later: [UID: [PaymentEvent]] = [:]
                for place in places {
                    let uid = uids[place]
                    later[uid] = [try event(uid, 10 + histories[uid, default: []].count, .payment, at: 200, adding: 50)]
                    histories[uid, default: []] += later[uid] ?? []
                }
                try await record(later, market)
                try await compare(market, histories, Instant(milliseconds: base + 100))
            }
            for at in [0, 1, 45, 120, 199, 200, 300] { try await compare(market, histories, Instant(milliseconds: base + Int64(at))) }
        }
    }

    private func record(_ histories: [UID: [PaymentEvent]], _ market: BillingFixture) async throws {
        let outcomes = try await market.recorder.record(
            histories.values.joined().map { BillingFixture.submission(BillingFixture.message($0), source: .backfill) })
        try #require(outcomes.allSatisfy { $0 == .recorded })
    }

    private func compare(_ market: BillingFixture, _ histories: [UID: [PaymentEvent]], _ at: Instant) async throws {
        let ends: [UID: Int64] = histories.compactMapValues { events in
            let then = events.filter { $0.createTime <= at }
            return then.contains { $0.kind == .payment } ? ReferenceFold.payEndTime(then) : nil
        }
        // Some pages; one that ends where the members may; one alone.
        for (mode, pageSize) in zip(Audience.Mode.allCases, [700, 1_500, 6_000]) {
            var audience = Audience(of: BillingFixture.topic, mode: mode, at: at)
            audience.pageSize = pageSize
            let lines = try await self.lines(of: audience, market)
            let expected = ends.filter { mode == .all || (at.milliseconds < $0.value) == (mode == .paid) }
                .sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            try #require(lines == expected, "\(mode) at \(at)")
            #expect(try await audience.count(in: market.client).count == expected.count)
            let known = try await self.lines(of: Audience(of: BillingFixture.topic, mode: mode, at: at, knownAt: .last), market)
            try #require(known == expected, "\(mode) at \(at), as known at the end of time")
        }
    }

    /// Each member as it is handed over.
    private func lines(of audience: Audience, _ market: BillingFixture) async throws -> [String] {
        var lines: [String] = []
        try await audience.read(from: market.client) { batch in
            let before = lines.count
            batch.visit { uid, end in
                lines.append("\(String(decoding: uid, as: UTF8.self)) \(String(decoding: end, as: UTF8.self))")
            }
            #expect(lines.count == before + batch.count)
        }
        return lines
    }
}
