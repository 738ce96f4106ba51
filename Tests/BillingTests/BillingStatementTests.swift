import MarketSchema
import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

private let publisher = Publisher.ID(rawValue: 1)
private let instant = Instant(milliseconds: 1_664_118_481_675)

/// Every statement of billing, by who runs it.
private func statements() throws -> StatementList {
    let message = QuarantinedMessage.ID(rawValue: 6)
    let trade = try #require(TradeNumber("202209252308016755383125546"))
    let uid = try #require(UID("UID_xxxxxxx"))
    let keys = [WindowKey(resourceID: BillingFixture.topic, uid: uid)]
    let windows = keys.map { (key: $0, state: WindowState.empty) }
    let event = AcceptedEvent(
        event: PaymentEvent(
            kind: .refund, tradeNumber: trade, payTradeNumber: nil, uid: uid, createTime: instant,
            addTime: TimeSpan(milliseconds: -1), amount: Money(fen: -1), productID: BillingFixture.both),
        product: ResolvedProduct(
            productID: BillingFixture.both, appID: App.ID(rawValue: BillingFixture.app), commissionBps: 1_000,
            resourceIDs: [BillingFixture.topic]),
        publisherID: publisher, source: .inbound, ordinal: 1)
    let reference = ProductReference(
        Submission(BillingFixture.sample, publisher: publisher, inboundApp: nil, source: .backfill, body: []))
    let keepsake = Keepsake(
        publisher: publisher, app: App.ID(rawValue: 101), source: .inbound, reason: .conflict, detail: "amount",
        tradeNumber: trade.text, body: [0x7B, 0x7D])
    let audience = Audience(of: BillingFixture.topic, mode: .paid)
    let kept = [4: QuarantineReason.conflict.rawValue, 5: QuarantinedMessage.State.open.rawValue]
    return StatementList([
        .init(clock, as: .server),
        .init(recipient(TokenDigest(of: "in_sample")), as: .server),
        .init(Resolution.of([reference]), as: .server),
        .init(PaymentEvent.known(of: [trade]), as: .server),
        .init(AcceptedEvent.insert([event]), as: .server),
        .init(WindowState.of(keys), as: .server),
        .init(WindowState.locked(keys), as: .server),
        .init(WindowState.insert(windows), as: .server),
        .init(WindowState.update(changes(of: keys)), as: .server),
        .init(TradeNumber.claim([trade]), as: .server),
        .init(WindowEvent.history(of: keys, until: instant, knownAt: instant), as: .server),
        .init(RecordedEvent.history(of: keys[0], until: instant, knownAt: instant), as: .server),
        .init(CurrentWindow.of(keys), as: .server),
        .init(CurrentWindow.of(keys, holding: [TokenDigest(of: "pub_sample")]), as: .server),
        .init(audience.windows(at: instant).all(StoredWindow.self), as: .server),
        .init(audience.stored(at: instant).values((UID, Instant, Bool).self), as: .server),
        .init(audience.stored(at: instant, after: "", most: 10).values((UID, Instant, Bool).self), as: .server),
        .init(audience.counts(at: instant), as: .server),
        .init(EventFeed.page(of: publisher, after: .start, limit: 100), as: .tenant, widened: [3]),
        .init(QuarantinedMessage.keep(keepsake), as: .server),
        .init(QuarantinedMessage.page(of: publisher, in: .open, for: .conflict, below: message, limit: 10), as: .tenant, reading: kept),
        .init(QuarantinedMessage.with(message, of: publisher), as: .tenant, reading: kept),
        .init(QuarantinedMessage.waiting(of: publisher, after: message, limit: 10), as: .server, reading: kept, widened: [1]),
        .init(
            QuarantinedMessage.resolve([.init(id: message, state: .applied, words: "recorded")]), as: .server, .tenant,
            reading: [0: QuarantinedMessage.State.applied.rawValue]),
        .init(CatalogMark.current, as: .server),
        .init(TransactionClock.current, as: .server),
        .init(TransactionClock.number, as: .server),
        .init(Verification.allEvents.all(WindowEvent.self), as: .server),
        .init(Verification.allWindows.all(StoredWindow.self), as: .server),
    ])
}

// The two below stand inside the verbs that run them; their texts are compared with the sources'.

private let clock: Query<Instant> = SQL("select now_ms()").value()

private func recipient(_ inboundKey: TokenDigest) -> Query<[(App.ID, Publisher.ID)]> {
    SQL("select id, publisher_id from app where inbound_key_sha256 = \(inboundKey)").values((App.ID, Publisher.ID).self)
}

@Suite struct BillingStatementTests {
    @Test("every statement of billing fits the schema, sends and reads the types that are due, and is allowed to who runs it")
    func shapes() async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            let faults = try await statements().faults(on: database)
            #expect(faults == [])
        }
    }

    @Test("no statement of billing's sources is missing above")
    func listed() throws {
        let differences = try statements().differences(from: sources(of: "Billing"))
        #expect(differences == [])
    }
}

private func changes(of keys: [WindowKey]) -> [WindowState.Change] {
    keys.map { key in
        WindowState.Change(key: key, from: PlacedWindow(state: .empty, version: 0, place: RowPlace(block: 0, number: 1)), to: .empty)
    }
}

/// Of a plan that takes the rows of a batch one after the other, each to where it lies.
private var rowByRow: Regex<Substring> {
    #/Nested Loop .*\n.*Subquery Scan on k .*\n.*ProjectSet .*\n.*Result .*\n.*Tid Scan on paid_window w/#
}

/// Statements whose cost must not grow with the market, on a few thousand rows.
@Suite struct BillingPlanTests {
    @Test("what is asked all day reads an index, and of a range no more than its part")
    func plans() async throws {
        let trade = try #require(TradeNumber("T000000000000017"))
        let keys = try (1...20).map { WindowKey(resourceID: BillingFixture.topic, uid: try #require(UID("UID_\($0 * 37)"))) }
        try await BillingFixture.with { fixture in
            try await fixture.database.asOwner(Self.market + "analyze")
            func plan(_ query: Query<some Sendable>, of publisher: Publisher.ID? = nil) async throws -> String {
                let explain = SQL("explain \(query.sql)").all(PlanLine.self)
                let lines =
                    if let publisher { try await fixture.client.run(explain, of: publisher) } else { try await fixture.client.run(explain) }
                return lines.map(\.text).joined(separator: "\n")
            }
            func expect(
                _ query: Query<some Sendable>, of publisher: Publisher.ID? = nil, reads index: String,
                _ place: SourceLocation = #_sourceLocation
            ) async throws {
                let plan = try await plan(query, of: publisher)
                #expect(plan.contains("using \(index) ") || plan.contains("on \(index) "), "\(plan)", sourceLocation: place)
                #expect(!plan.contains("Seq Scan on paid_window"), "\(plan)", sourceLocation: place)
                #expect(!plan.contains("Seq Scan on payment_event"), "\(plan)", sourceLocation: place)
                #expect(!plan.contains("Seq Scan on quarantine"), "\(plan)", sourceLocation: place)
            }
            try await expect(CurrentWindow.of(keys), reads: "paid_window_pkey")
            let asked = CurrentWindow.of(keys, holding: [TokenDigest(of: "pub_sample")])
            for index in ["paid_window_pkey", "publisher_key_token_unique", "app_token_unique"] { try await expect(asked, reads: index) }
            try await expect(WindowState.of(keys), reads: "paid_window_pkey")
            try await expect(WindowState.locked(keys), reads: "paid_window_pkey")
            // Row by row where they lie, in the order given.
            let update = try await plan(WindowState.update(changes(of: keys)))
            #expect(update.contains(rowByRow), "\(update)")
            try await expect(WindowEvent.history(of: keys, until: instant, knownAt: instant), reads: "payment_event_history")
            try await expect(RecordedEvent.history(of: keys[0], until: instant, knownAt: instant), reads: "payment_event_history")
            try await expect(PaymentEvent.known(of: [trade]), reads: "payment_event_recorded_once")
            try await expect(PaymentEvent.known(of: [trade]), reads: "payment_event_refunds")
            try await expect(EventFeed.page(of: publisher, after: .start, limit: 100), of: publisher, reads: "payment_event_feed")
            try await expect(
                QuarantinedMessage.page(of: publisher, in: .open, for: nil, below: nil, limit: 100), of: publisher, reads: "quarantine_desk"
            )
            // By all that makes it one message: the look-up must not read all that a publisher's sender ever got wrong.
            for app in [nil, App.ID(rawValue: BillingFixture.app)] {
                let kept = Keepsake(publisher: publisher, app: app, source: .inbound, reason: .invalid, detail: "d", body: Array("{}".utf8))
                let plan = try await plan(QuarantinedMessage.keep(kept))
                #expect(plan.contains(/using quarantine_kept_once .*\n.*Index Cond: .*app_id.*body_sha256/), "\(plan)")
                #expect(!plan.contains("Filter: (NOT (app_id"), "\(plan)")
            }
            try await expect(QuarantinedMessage.waiting(of: nil, after: nil, limit: 500), reads: "quarantine_waiting")

            try await expect(
                Audience(of: BillingFixture.topic, mode: .paid).stored(at: instant, after: "UID_1", most: 100).values(
                    (UID, Instant, Bool).self),
                reads: "paid_window_pkey")
            try await expect(
                Audience(of: BillingFixture.topic, mode: .paid).stored(at: instant).values((UID, Instant, Bool).self),
                reads: "paid_window_pkey")
            // In the order of the index, so that a page costs no more than itself, however long the feed.
            let feed = try await plan(EventFeed.page(of: publisher, after: .start, limit: 100), of: publisher)
            #expect(!feed.contains("Sort"), "\(feed)")
        }
    }

    @Test("what was planned while the market was empty, and known to be, still reads an index when it no longer is")
    func plannedWhenEmpty() async throws {
        let trades = Set(try (1...3).map { try #require(TradeNumber("T000000000" + String(100_000 + $0))) })
        let keys = try (1...3).map { WindowKey(resourceID: BillingFixture.topic, uid: try #require(UID("UID_\($0 * 7)"))) }
        try await BillingFixture.with { fixture in
            for table in ["payment_event", "paid_window"] { try await fixture.database.asOwner("vacuum analyze \(table)") }
            // Without the settings it would not: else this test says nothing.
            let usual = try await withClient(fixture.database.url, { $0.settings = ["role": "market_server"] }) { client in
                try await client.run(SQL("explain \(PaymentEvent.known(of: trades).sql)").all(PlanLine.self)).map(\.text)
            }
            #expect(usual.contains { $0.contains("Seq Scan on p") }, "\(usual)")
            try await withClient(fixture.database.url, { $0.settings = BillingFixture.recordingSettings }) { client in
                for sql in [
                    PaymentEvent.known(of: trades).sql, WindowState.of(keys).sql, WindowState.locked(keys).sql, CurrentWindow.of(keys).sql,
                    WindowEvent.history(of: keys).sql, RecordedEvent.history(of: keys[0], until: instant, knownAt: nil).sql,
                ] {
                    let plan = try await client.run(SQL("explain \(sql)").all(PlanLine.self)).map(\.text).joined(separator: "\n")
                    #expect(!plan.contains("Seq Scan on p"), "\(plan)")
                }
            }
        }
    }

    @Test("windows are written where they lie, in the order given, whatever is known of their table", arguments: [0, 1, 3, 20_000])
    func writtenInPlace(rows: Int) async throws {
        // As many as the planner takes a list for that it does not know.
        let keys = try (1...10).map { WindowKey(resourceID: BillingFixture.topic, uid: try #require(UID("UID_\($0 * 7)"))) }
        try await BillingFixture.with { fixture in
            for isAnalyzed in [false, true] {
                if isAnalyzed {
                    try await fixture.database.asOwner(
                        """
                        insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
                        select 102, 'UID_' || u, 1664118481675 + u, 1600000000000, 1, 0 from generate_series(1, \(rows)) u
                        """)
                    try await fixture.database.asOwner("vacuum analyze paid_window")
                }
                let explain = SQL("explain \(WindowState.update(changes(of: keys)).sql)").all(PlanLine.self)
                let plan = try await fixture.client.run(explain).map(\.text).joined(separator: "\n")
                #expect(plan.contains(rowByRow), "\(plan)")
            }
        }
    }

    @Test("what is looked up by many keys reads an index of tables that were never analyzed, as in a first import")
    func neverAnalyzed() async throws {
        let trades = try (1...400).map { try #require(TradeNumber("T000000000" + String(100_000 + $0))) }
        let keys = try (1...400).map { WindowKey(resourceID: BillingFixture.topic, uid: try #require(UID("UID_\($0 * 7)"))) }
        try await BillingFixture.with { fixture in
            try await fixture.database.asOwner("alter table paid_window set (autovacuum_enabled = off)")
            try await fixture.database.asOwner("alter table payment_event set (autovacuum_enabled = off)")
            try await fixture.database.asOwner(Self.market)
            // Without the settings of a server's sessions, which would have it so by themselves.
            try await withClient(fixture.database.url, { $0.settings = ["role": "market_server"] }) { client in
                for sql in [
                    PaymentEvent.known(of: Set(trades)).sql, WindowState.of(keys).sql, CurrentWindow.of(keys).sql,
                    WindowEvent.history(of: keys).sql,
                ] {
                    let plan = try await client.run(SQL("explain \(sql)").all(PlanLine.self)).map(\.text).joined(separator: "\n")
                    #expect(!plan.contains("Seq Scan on p"), "\(plan)")
                    #expect(plan.contains("using p") || plan.contains("Index Scan on p"), "\(plan)")
                }
            }
        }
    }

    /// Half a hundred resources with four hundred windows each, and an event for every window; a quarantine that was mostly dealt with.
    private static let market = """
        insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
        select r, 'UID_' || u, 1664118481675 + u, 1600000000000, 1, 0 from generate_series(100, 149) r, generate_series(1, 400) u;
        insert into payment_event (
            type, trade_no, pay_trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps,
            source, ordinal, commit_position, recorded_at)
        select 1, 'T' || lpad(n::text, 15, '0'), null, 'UID_' || n % 4000, 1600000000000 + n, 0, 86400000, 50, 9 + n % 2, 101,
               case when n % 2 = 0 then 1 else 2 + n % 40 end, 1000,
               1, n, n, 1600000000000 + n
        from generate_series(1, 20000) n;
        insert into quarantine (publisher_id, source, reason, state, resolved_at, detail, body, body_sha256)
        select 1 + n % 40, 1, case when n % 9 = 0 then 'unknown_product' else 'conflict' end, case when n % 50 = 0 then 'open' else 'applied' end,
               case when n % 50 = 0 then null else 1 end, 'd', '{}', sha256(n::text::bytea)
        from generate_series(1, 20000) n;
        """
}
