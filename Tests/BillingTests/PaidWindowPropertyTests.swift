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
        var answered: [PaymentEvent.Kind: (inOrder: Int, late: Int)] = [.payment: (0, 0), .refund: (0, 0)]
        var (unmatched, emptied, afterOdd) = (0, 0, 0)
        for seed in UInt64(0)..<20_000 {
            var history = RandomHistory(random: SeededRandomSource(seed: seed))
            var events = history.make(uid: uid, products: [.init(rawValue: 1)]).shuffled(using: &history.random.generator)
            if seed.isMultiple(of: 4) == false {
                // Most deliveries come nearly in order: there the short path answers, and has to be right.
                events.sort { $0.createTime < $1.createTime }
                for index in events.indices.dropFirst() where Int.random(in: 0..<4, using: &history.random.generator) == 0 {
                    events.swapAt(index, index - 1)
                }
            }
            var state = WindowState.empty
            for (index, event) in events.enumerated() {
                let past = events[..<index]
                // What came again changes nothing: the recorder never asks for it.
                guard !past.contains(where: { $0.identity == event.identity }) else { continue }
                let folded = WindowState(folding: events[...index])
                if let short = state.appending(event, trade: trade(of: event, in: past)) {
                    try #require(short == folded, "seed \(seed), event \(index)")
                    if short.unmatched > state.unmatched { unmatched += 1 }
                    if short.payEndTime == .never, state.payEndTime != .never { emptied += 1 }
                    if event.kind == .refund, short.unmatched == state.unmatched, state.unmatched > 0 { afterOdd += 1 }
                    if event.createTime > state.lastEventTime {
                        answered[event.kind]?.inOrder += 1
                    } else {
                        answered[event.kind]?.late += 1
                    }
                }
                // Of a window of which it is not known since when it is plain, the next step is right, or left to the fold.
                var blind = state
                blind.plainSince = .never
                if var short = blind.appending(event, trade: trade(of: event, in: past)) {
                    if short.plainSince == .never { short.plainSince = folded.plainSince }
                    try #require(short == folded, "seed \(seed), event \(index), blind")
                }
                state = folded
            }
        }
        // Each way through the short path must be met, or this proves nothing.
        #expect(answered[.payment]?.inOrder ?? 0 > 5_000)
        #expect(answered[.payment]?.late ?? 0 > 1_000)
        #expect(answered[.refund]?.inOrder ?? 0 > 1_000)
        #expect(unmatched > 500)
        #expect(emptied > 200)
        #expect(afterOdd > 100)
    }

    private func trade(of event: PaymentEvent, in past: some Sequence<PaymentEvent>) -> WindowState.Trade {
        let events = past.filter { $0.namedPayment == event.namedPayment }
        return WindowState.Trade(payment: events.first { $0.kind == .payment }, refunds: events.filter { $0.kind == .refund })
    }

    @Test("a hundred thousand payments and as many refunds fold in seconds, whichever way the refunds go", .timeLimit(.minutes(5)))
    func long() throws {
        let uid = try #require(UID("UID_hot"))
        let count = 100_000
        func event(_ kind: PaymentEvent.Kind, _ letter: String, _ number: Int, of payment: String?, at time: Int, _ addTime: Int64) throws
            -> PaymentEvent
        {
            PaymentEvent(
                kind: kind, tradeNumber: try #require(TradeNumber("\(letter)\(1_000_000 + number)")),
                payTradeNumber: payment.flatMap { TradeNumber($0) }, uid: uid,
                createTime: Instant(milliseconds: 1_664_118_481_675 + Int64(time)), addTime: TimeSpan(milliseconds: addTime), amount: .zero,
                productID: .init(rawValue: 1))
        }
        var events: [PaymentEvent] = []
        // The first refunds empty every grant but the oldest, of those that name one; the others find nothing but the oldest.
        for number in 0..<count {
            events.append(try event(.payment, "P", number, of: nil, at: number, number == 0 ? 1_000_000 : 10))
            events.append(try event(.refund, "N", number, of: "P\(1_000_000 + number)", at: count + number, number == 0 ? 0 : -10))
            events.append(try event(.refund, "U", number, of: "X\(1_000_000 + number)", at: 2 * count + number, -1))
        }
        let window = PaidWindow(folding: events)
        #expect(window.payEndTime == Instant(milliseconds: 1_664_118_481_675 + 1_000_000 - Int64(count)))
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
        for event in events { state = state.appending(event, trade: .init(payment: nil, refunds: [])) ?? state }
        #expect(state.payEndTime == .last)
        #expect(state.appending(events[0], trade: .init(payment: nil, refunds: [])) == nil, "at the end of time only the fold can tell")
    }
}
