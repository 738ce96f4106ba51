import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

@Suite("Recording payment events")
struct EventRecorderTests {
    @Test("the seed's sample gives the window that it implies, on both resources of its product; again it is a duplicate")
    func sample() async throws {
        try await BillingFixture.with { market in
            let submission = BillingFixture.submission(BillingFixture.sample)
            #expect(try await market.recorder.record(submission) == .recorded)
            #expect(try await market.recorder.record(submission) == .duplicate)
            let uid = try #require(UID("UID_xxxxxxx"))
            for resource in [BillingFixture.topic, BillingFixture.appResource] {
                let then = try await market.entitlements.of(uid, on: resource, at: Instant(milliseconds: 1_664_118_481_675))
                #expect(then.entitled && then.payEndTime.milliseconds == 1_664_204_881_675)
                let before = try await market.entitlements.of(uid, on: resource, at: Instant(milliseconds: 1_664_118_481_674))
                #expect(!before.entitled && before.payEndTime == .never)
                #expect(try await market.entitlements.of(uid, on: resource).entitled == false)
            }
        }
    }

    @Test("the same identity with another content is a conflict, kept once, and changes nothing")
    func conflict() async throws {
        try await BillingFixture.with { market in
            #expect(try await market.recorder.record(BillingFixture.submission(BillingFixture.sample)) == .recorded)
            for change: (inout OrderPay) -> Void in [
                { $0.amount = 51 }, { $0.uid = "UID_other" }, { $0.addTime += 1 }, { $0.createTime += 1 }, { $0.prodId = 13 },
            ] {
                var other = BillingFixture.sample
                change(&other)
                let first = try await market.recorder.record(BillingFixture.submission(other))
                guard case .quarantined(.conflict, _, let id) = first else {
                    Issue.record("\(first)")
                    continue
                }
                guard case .quarantined(.conflict, _, id) = try await market.recorder.record(BillingFixture.submission(other)) else {
                    Issue.record("kept twice")
                    continue
                }
            }
            #expect(try await market.client.run(SQL("select count(*) from payment_event").value(Int.self)) == 1)
            #expect(try await market.client.run(SQL("select count(*) from quarantine").value(Int.self)) == 5)
        }
    }

    @Test("one event sent 64 times at once is recorded once")
    func concurrentDuplicates() async throws {
        try await BillingFixture.with { market in
            let outcomes = try await withThrowingTaskGroup(of: RecordOutcome.self) { group in
                for _ in 0..<64 { group.addTask { try await market.recorder.record(BillingFixture.submission(BillingFixture.sample)) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count(where: { $0 == .recorded }) == 1)
            #expect(outcomes.count(where: { $0 == .duplicate }) == 63)
        }
    }

    @Test("what breaks a rule, or has no product yet, is kept and not applied; the second is applied once its product is known")
    func quarantine() async throws {
        try await BillingFixture.with { market in
            var invalid = BillingFixture.sample
            invalid.addTime = 0
            guard case .quarantined(.invalid, let detail, _) = try await market.recorder.record(BillingFixture.submission(invalid)) else {
                Issue.record("not kept as invalid")
                return
            }
            #expect(detail == "addTime: a payment adds time: > 0")
            var early = BillingFixture.sample
            early.prodId = 77
            let body = """
                {"action":"order_pay","data":{"addTime":86400000,"amount":50,"appId":30630,"createTime":1664118481675,"prodId":77,\
                "tradeNo":"202209252308016755383125546","type":1,"uid":"UID_xxxxxxx"}}
                """
            guard
                case .quarantined(.unknownProduct, _, let id) = try await market.recorder.record(
                    BillingFixture.submission(early, body: body))
            else {
                Issue.record("not kept as unknown")
                return
            }
            #expect(try await market.desk.applyWaiting(of: nil) == 0)
            try await market.database.asOwner("update product set external_id = 77 where id = 9")
            #expect(try await market.desk.applyWaiting(of: BillingFixture.tides) == 1)
            let kept = try await market.client.run(QuarantinedMessage.with(id, of: BillingFixture.tides))
            #expect(kept?.state == .applied)
            #expect(try await market.client.run(SQL("select count(*) from payment_event").value(Int.self)) == 1)
        }
    }

    /// A payment for a product that is not known, kept.
    private func keptWaiting(_ market: BillingFixture, for product: Int64, _ trade: String, uid: String) async throws -> QuarantinedMessage
        .ID?
    {
        let data = """
            {"addTime":86400000,"amount":50,"appId":30630,"createTime":1664118481675,"prodId":\(product),"tradeNo":"\(trade)","type":1,"uid":"\(uid)"}
            """
        var message = BillingFixture.sample
        (message.prodId, message.tradeNo, message.uid) = (product, trade, uid)
        let outcome = try await market.recorder.record(
            BillingFixture.submission(message, body: #"{"action":"order_pay","data":\#(data)}"#))
        guard case .quarantined(.unknownProduct, _, let id) = outcome else { return nil }
        return id
    }

    @Test("a waiting message that cannot be recorded keeps none of those behind it")
    func poison() async throws {
        try await BillingFixture.with { market in
            let bad = try #require(try await keptWaiting(market, for: 77, "T00001", uid: "UID_bad"))
            let good = try #require(try await keptWaiting(market, for: 77, "T00002", uid: "UID_good"))
            try await market.database.asOwner(
                """
                update product set external_id = 77 where id = 9;
                create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
                create trigger refuse before insert on payment_event for each row when (new.uid = 'UID_bad') execute function refuse();
                """)
            await #expect(throws: PGError.self) { try await market.desk.applyWaiting(of: nil) }
            func state(_ id: QuarantinedMessage.ID) async throws -> QuarantinedMessage.State? {
                try await market.client.run(QuarantinedMessage.with(id, of: BillingFixture.tides))?.state
            }
            #expect(try await state(good) == .applied)
            #expect(try await state(bad) == .open)
            try await market.database.asOwner("drop trigger refuse on payment_event")
            #expect(try await market.desk.applyWaiting(of: nil) == 1)
        }
    }

    @Test("what was applied while a person dismissed it is shown as applied; what was not is left dismissed")
    func dismissedMeanwhile() async throws {
        try await BillingFixture.with { market in
            let id = try #require(try await keptWaiting(market, for: 77, "T00001", uid: "UID_a"))
            #expect(try await market.desk.dismiss(id, reason: "a copy", of: BillingFixture.tides))
            let applied = QuarantinedMessage.Resolution(id: id, state: .applied, words: "recorded", isDone: true)
            let copy = QuarantinedMessage.Resolution(id: id, state: .applied, words: "known already")
            #expect(try await market.client.run(QuarantinedMessage.resolve([copy])) == [])
            #expect(try await market.client.run(QuarantinedMessage.resolve([applied])) == [.applied])
            #expect(try await market.client.run(QuarantinedMessage.resolve([applied])) == [])
        }
    }

    @Test("a message that would be kept again as one that is closed stays open")
    func keptAgainAsClosed() async throws {
        try await BillingFixture.with { market in
            var early = BillingFixture.sample
            (early.prodId, early.addTime) = (77, 0)
            let body = """
                {"action":"order_pay","data":{"addTime":86400000,"amount":50,"appId":30630,"createTime":1664118481675,"prodId":77,\
                "tradeNo":"202209252308016755383125546","type":1,"uid":"UID_xxxxxxx"}}
                """
            // The same bytes, once kept as invalid and once as waiting for a product.
            guard case .quarantined(.invalid, _, let first) = try await market.recorder.record(BillingFixture.submission(early, body: body))
            else {
                Issue.record("not kept as invalid")
                return
            }
            early.addTime = 86_400_000
            guard
                case .quarantined(.unknownProduct, _, let second) = try await market.recorder.record(
                    BillingFixture.submission(early, body: body))
            else {
                Issue.record("not kept as unknown")
                return
            }
            #expect(try await market.desk.dismiss(second, reason: "a copy", of: BillingFixture.tides))
            func message(_ id: QuarantinedMessage.ID) async throws -> QuarantinedMessage {
                try #require(try await market.client.run(QuarantinedMessage.with(id, of: BillingFixture.tides)))
            }
            guard case .quarantined(.unknownProduct, _, second) = try await market.desk.replay(message(first)) else {
                Issue.record("replayed as something else")
                return
            }
            #expect(try await message(first).state == .open)
        }
    }

    @Test("the beginning of what was too long is no message, even where it looks like one")
    func oversized() async throws {
        try await BillingFixture.with { market in
            let line =
                #"{"addTime":86400000,"amount":50,"appId":30630,"createTime":1664118481675,"prodId":12,"tradeNo":"T00001","type":1,"uid":"UID_a"}"#
            let bytes = Array(line.utf8) + [UInt8](repeating: 0x20, count: 70_000) + Array("x\n".utf8)
            var kept: QuarantinedMessage.ID?
            let backfill = Backfill(market.recorder, mailroom: Mailroom(market.client), publisher: BillingFixture.tides, source: .backfill)
            try await backfill.run(
                AsyncStream<[UInt8]> {
                    $0.yield(bytes)
                    $0.finish()
                }, format: .ndjson
            ) { answers in
                for answer in answers { if case .quarantined(.oversized, _, let id) = answer.outcome { kept = id } }
            }
            let id = try #require(kept)
            let message = try #require(try await market.client.run(QuarantinedMessage.with(id, of: BillingFixture.tides)))
            guard case .quarantined(.oversized, _, _) = try await market.desk.replay(message) else {
                Issue.record("a beginning was recorded")
                return
            }
            #expect(try await market.client.run(SQL("select count(*) from payment_event").value(Int.self)) == 0)
        }
    }

    @Test("a backfill whose task is cancelled says so, and does not end as if all had been read", .timeLimit(.minutes(5)))
    func cancelledBackfill() async throws {
        try await BillingFixture.with { market in
            let backfill = Backfill(market.recorder, mailroom: Mailroom(market.client), publisher: BillingFixture.tides, source: .backfill)
            let (lines, sender) = AsyncStream<[UInt8]>.makeStream()
            let task = Task { try await backfill.run(lines, format: .ndjson) { _ in } }
            sender.yield(Array("{}\n".utf8))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test("random histories in random order, repeats and batches, through two recorders at once, end as the reference fold says")
    func randomHistories() async throws {
        try await BillingFixture.with { market in
            let second = EventRecorder(market.client, logger: quiet)
            try await withServices([second]) {
                for seed in UInt64(0)..<6 {
                    var history = RandomHistory(random: SeededRandomSource(seed: seed))
                    var events: [PaymentEvent] = []
                    for number in 0..<60 {
                        events += history.make(
                            uid: try #require(UID("UID_\(seed)_\(number)")), products: [BillingFixture.both, BillingFixture.topicOnly])
                    }
                    let delivered = (events + events.filter { _ in Int.random(in: 0..<3, using: &history.random.generator) == 0 })
                        .shuffled(using: &history.random.generator)
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for (number, chunk) in delivered.chunked(into: 7).enumerated() {
                            let recorder = number.isMultiple(of: 2) ? market.recorder : second
                            group.addTask {
                                let outcomes = try await recorder.record(
                                    chunk.map { BillingFixture.submission(BillingFixture.message($0), source: .backfill) })
                                #expect(outcomes.allSatisfy { $0 == .recorded || $0 == .duplicate }, "seed \(seed): \(outcomes)")
                            }
                        }
                        try await group.waitForAll()
                    }
                    for (uid, mine) in Dictionary(grouping: events, by: \.uid) {
                        let topic = try await market.entitlements.of(uid, on: BillingFixture.topic, at: .last)
                        try #require(topic.payEndTime.milliseconds == ReferenceFold.payEndTime(mine), "seed \(seed), \(uid)")
                        let app = try await market.entitlements.of(uid, on: BillingFixture.appResource, at: .last)
                        let bundled = mine.filter { $0.productID == BillingFixture.both }
                        try #require(app.payEndTime.milliseconds == ReferenceFold.payEndTime(bundled), "seed \(seed), \(uid)")
                        let instant = Instant(milliseconds: 1_664_118_481_675 + 100 * 86_400_000)
                        let then = try await market.entitlements.of(uid, on: BillingFixture.topic, at: instant)
                        try #require(
                            then.payEndTime.milliseconds == ReferenceFold.payEndTime(mine.filter { $0.createTime <= instant }),
                            "seed \(seed), \(uid)")
                    }
                }
                let verification = try await Verification.run(on: market.client)
                #expect(verification.agrees, "\(verification.drifts)")
                #expect(verification.windows > 300)
            }
        }
    }

    @Test("a payment moves its windows whatever comes in the same batch for what looks like its uid and is none")
    func lookalike() async throws {
        try await BillingFixture.with { market in
            var (lookalike, message) = (BillingFixture.sample, BillingFixture.sample)
            lookalike.uid = "UID_\u{212A}"
            lookalike.tradeNo = "LOOKALIKE-1"
            message.uid = "UID_K"
            let outcomes = try await market.recorder.record([lookalike, message].map { BillingFixture.submission($0) })
            #expect(outcomes.last == .recorded)
            let key = WindowKey(resourceID: BillingFixture.topic, uid: UID(stored: "UID_K"))
            #expect(try await market.client.run(WindowState.of([key]))[0]?.state.payments == 1)
            #expect(try await Verification.run(on: market.client).agrees)
        }
    }

    @Test("verify finds a window that was edited by hand, one that is missing and one too many")
    func drift() async throws {
        try await BillingFixture.with { market in
            _ = try await market.recorder.record(BillingFixture.submission(BillingFixture.sample))
            #expect(try await Verification.run(on: market.client).agrees)
            // "Not known" is what an older market has of many: it costs a fold, and is no drift.
            try await market.database.asOwner("update paid_window set plain_since = 0 where resource_id = 101")
            #expect(try await Verification.run(on: market.client).agrees)
            try await market.database.asOwner("update paid_window set plain_since = 5 where resource_id = 101")
            #expect(try await Verification.run(on: market.client).driftCount == 1)
            for damage in [
                "update paid_window set pay_end_time = pay_end_time + 1 where resource_id = 101",
                "delete from paid_window where resource_id = 102",
                "insert into paid_window values (102, 5, 5, 1, 0, 'UID_nobody', 0)",
            ] {
                try await market.database.asOwner(damage)
            }
            #expect(try await Verification.run(on: market.client).driftCount == 3)
        }
    }

    @Test("the server's role may neither change nor delete an event, and may not move a window's key")
    func history() async throws {
        try await BillingFixture.with { market in
            _ = try await market.recorder.record(BillingFixture.submission(BillingFixture.sample))
            for statement: SQL in [
                "update payment_event set amount = 1", "delete from payment_event", "truncate payment_event", "delete from paid_window",
                "update paid_window set uid = 'UID_x'", "update quarantine set body = ''", "delete from quarantine",
                "insert into product_resource values (10, 101, 1, 2)", "update product set name = 'x'",
                "insert into price_plan (product_id, position, name, amount, add_time) values (9, 2, 'x', 1, 1)",
            ] {
                let error = await #expect(throws: PGError.self) { _ = try await market.client.run(statement.execute) }
                #expect(error?.sqlState == .insufficientPrivilege, "\(statement.text)")
            }
        }
    }
}

extension Array {
    func chunked(into size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: size).map { Array(self[$0..<Swift.min($0 + size, count)]) }
    }
}
