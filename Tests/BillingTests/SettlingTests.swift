import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

@Suite("What was known at an instant that is hardly past")
struct SettlingTests {
    @Test("an event that was being recorded at the instant is not told later and kept quiet now", .timeLimit(.minutes(5)))
    func inFlight() async throws {
        try await BillingFixture.with { market in
            let uid = try #require(UID("UID_late"))
            let payment = PaymentEvent(
                kind: .payment, tradeNumber: try #require(TradeNumber("SETTLE-1")), payTradeNumber: nil, uid: uid,
                createTime: Instant(milliseconds: 1_664_118_481_675), addTime: TimeSpan(milliseconds: 1_000), amount: .zero,
                productID: BillingFixture.topicOnly)
            let accepted = AcceptedEvent(
                event: payment,
                product: ResolvedProduct(
                    productID: BillingFixture.topicOnly, appID: App.ID(rawValue: BillingFixture.app), commissionBps: 0,
                    resourceIDs: [BillingFixture.topic]),
                publisherID: BillingFixture.tides, source: .backfill, ordinal: 0)
            try await withClient(market.database.url, { $0.settings = ["role": "market_server"] }) { asking in
                try await withThrowingTaskGroup(of: Instant.self) { group in
                    let knownAt = try await market.client.transaction { transaction in
                        _ = try await transaction.run(AcceptedEvent.insert([accepted]))
                        let now = try await transaction.run(SQL("select now_ms()").value(Instant.self))
                        group.addTask {
                            try await Entitlements(asking).of(uid, on: BillingFixture.topic, at: payment.createTime, knownAt: now)
                                .payEndTime
                        }
                        // The question is being asked; the event is recorded, and not committed.
                        let deadline = ContinuousClock.now + .seconds(30)
                        while asking.metrics.acquired < 2 {
                            try #require(ContinuousClock.now < deadline)
                            await Task.yield()
                        }
                        return now
                    }
                    let told = try #require(try await group.next())
                    let later = try await Entitlements(asking).of(uid, on: BillingFixture.topic, at: payment.createTime, knownAt: knownAt)
                    #expect(told == later.payEndTime && told == payment.createTime + payment.addTime)
                }
            }
        }
    }

    @Test("where a transaction from before stays open, the answer is that it cannot be told yet", .timeLimit(.minutes(5)))
    func stuck() async throws {
        try await BillingFixture.with { market in
            try await withClient(market.database.url) { other in
                try await other.transaction { transaction in
                    let now = try await transaction.run(SQL("select now_ms() + 0 * pg_current_xact_id()::text::bigint").value(Instant.self))
                    await #expect(throws: NotSettled.self) {
                        try await Settling.wait(for: now, in: market.client, patience: .milliseconds(100))
                    }
                    // What was known long before can be told.
                    try await Settling.wait(for: Instant(milliseconds: now.milliseconds - 600_000), in: market.client, patience: .zero)
                }
            }
        }
    }
}
