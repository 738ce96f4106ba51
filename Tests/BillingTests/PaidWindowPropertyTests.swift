import ProductCatalog
import TestSupport
import Testing

@testable import Billing

@Suite("Paid window: properties")
struct PaidWindowPropertyTests {
    @Test("20,000 random histories fold as the reference does, in any order and with repeats")
    func agreesWithReference() throws {
        let uid = try #require(UID("UID_random"))
        for seed in UInt64(0)..<20_000 {
            var history = RandomHistory(random: SeededRandomSource(seed: seed))
            let events = history.make(uid: uid, products: [.init(rawValue: 1)])
            let delivered = (events + events.prefix(2)).shuffled(using: &history.random.generator)
            let expected = ReferenceFold.payEndTime(events)
            try #require(PaidWindow(folding: delivered).payEndTime.milliseconds == expected, "seed \(seed)")
        }
    }

    @Test("the short path is the fold's last step wherever it answers")
    func shortPathEqualsFold() throws {
        let uid = try #require(UID("UID_random"))
        var answered = 0
        for seed in UInt64(0)..<20_000 {
            var history = RandomHistory(random: SeededRandomSource(seed: seed))
            let events = history.make(uid: uid, products: [.init(rawValue: 1)]).shuffled(using: &history.random.generator)
            var state = WindowState.empty
            for (index, event) in events.enumerated() {
                let folded = WindowState(folding: events[...index])
                if let short = state.appending(event) {
                    try #require(short == folded, "seed \(seed), event \(index)")
                    answered += 1
                }
                state = folded
            }
        }
        #expect(answered > 5_000, "the short path must be met, or this proves nothing")
    }

    @Test("windows that would end past what the wire carries end there, and nothing traps")
    func saturates() throws {
        let uid = try #require(UID("UID_rich"))
        let events = try (0..<4_000).map { number in
            PaymentEvent(
                kind: .payment, tradeNumber: try #require(TradeNumber("RICH\(10_000 + number)")), payTradeNumber: nil, uid: uid,
                createTime: Instant(milliseconds: 1_664_118_481_675 + Int64(number)), addTime: .longest, amount: .zero,
                productID: .init(rawValue: 1))
        }
        #expect(PaidWindow(folding: events).payEndTime == .last)
        var state = WindowState.empty
        for event in events { state = state.appending(event) ?? state }
        #expect(state.payEndTime == .last)
        #expect(state.appending(events[0]) == nil, "at the end of time only the fold can tell")
    }
}
