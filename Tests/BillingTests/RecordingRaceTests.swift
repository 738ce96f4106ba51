import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

/// Recorders of several server processes, on clients of their own, that are given overlapping histories at once.
@Suite("Recording by several processes at once")
struct RecordingRaceTests {
    /// Beside "both" and "topic only": the app alone, so that of any two products there is a window that knows one of them and not the other.
    private static let appOnly = MessageProduct.ID(rawValue: 11)
    private static let resources: [MessageProduct.ID: Set<Resource.ID>] = [
        BillingFixture.both: [BillingFixture.appResource, BillingFixture.topic], BillingFixture.topicOnly: [BillingFixture.topic],
        appOnly: [BillingFixture.appResource],
    ]

    /// Lends three recorders that share nothing but the database, and one client of theirs.
    private func withRecorders(_ body: @Sendable (PGClient, [EventRecorder]) async throws -> Void) async throws {
        try await BillingFixture.with { market in
            try await market.database.asOwner(
                """
                insert into product (id, publisher_id, lineage_id, external_id, content_hash, name, summary, description, contact)
                values (11, 1, 11, 14, sha256('11'), 'Ebb', 's', 'd', 'c');
                insert into product_resource (product_id, resource_id, publisher_id, position) values (11, 101, 1, 1);
                insert into listing_move (product_id, move_no, to_state, actor) values (11, 1, 'pending_review', 't');
                """)
            try await withClient(market.database.url, { $0.settings = BillingFixture.recordingSettings }) { second in
                try await withClient(market.database.url, { $0.settings = BillingFixture.recordingSettings }) { third in
                    let others = [second, third].map { EventRecorder($0, logger: quiet) }
                    try await withServices(others) { try await body(market.client, [market.recorder] + others) }
                }
            }
        }
    }

    @Test("random histories of few subscribers and overlapping products, delivered to three processes at once, end as the folds say")
    func overlappingHistories() async throws {
        try await withRecorders { client, recorders in
            for seed in UInt64(0)..<24 { try await play(seed, to: recorders, client) }
            let verification = try await Verification.run(on: client)
            #expect(verification.agrees, "\(verification.drifts)")
        }
    }

    @Test(
        "processes that write the same windows, with the same events and with others, never wait for each other crosswise, and record each event once"
    )
    func hotSubscribers() async throws {
        try await withRecorders { client, recorders in
            var random = SeededRandom(seed: 7)
            for round in 0..<6 {
                let uids = try (0..<100).map { try #require(UID("UID_hot\(round)-\($0)")) }
                // In every order but that of the key, so that the windows do not lie on the disk as they are locked.
                for uid in uids.shuffled(using: &random) {
                    #expect(try await recorders[0].record(submission(try payment("FIRST-\(uid)", 0, uid))) == .recorded)
                }
                let events = try (1...600).map { try payment("HOT\(round)-\($0)", $0, uids[$0 % uids.count]) }
                let overlapping = round.isMultiple(of: 2)
                let outcomes = try await withThrowingTaskGroup(of: [RecordOutcome].self) { group in
                    for (lane, recorder) in recorders.enumerated() {
                        let mine = events.indices.filter { overlapping || $0 % recorders.count == lane }.map { events[$0] }
                        let chunks = mine.shuffled(using: &random).chunked(into: [30, 100, 600][round % 3])
                        group.addTask {
                            var all: [RecordOutcome] = []
                            for chunk in chunks { all += try await recorder.record(chunk.map(submission)) }
                            return all
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(outcomes.count(where: { $0 == .recorded }) == events.count)
                #expect(outcomes.allSatisfy { $0 == .recorded || $0 == .duplicate })
            }
            #expect(try await Verification.run(on: client).agrees)
            let deadlocks = SQL("select deadlocks from pg_stat_database where datname = current_database()").value(Int64.self)
            #expect(try await client.run(deadlocks) == 0, "each costs all who wait for it a second")
        }
    }

    @Test(
        "a trade number that comes under two subscribers at once is recorded for one of them, and the other is a conflict, in large batches too"
    )
    func oneTradeOfTwo() async throws {
        try await BillingFixture.with { market in
            let pairs = try (0..<500).map { number in
                try ["left", "right"].map {
                    submission(try payment("PAIR-\(number)", number, try #require(UID("UID_\($0)\(number % 50)"))))
                }
            }
            let outcomes = try await withThrowingTaskGroup(of: [RecordOutcome].self) { group in
                for side in 0...1 {
                    group.addTask { try await market.recorder.record(pairs.map { $0[side] }) }
                    // Alone and once more: a duplicate of whichever was first, or the same conflict.
                    for pair in pairs.prefix(20) { group.addTask { [try await market.recorder.record(pair[side])] } }
                }
                group.addTask { try await market.recorder.record(pairs.flatMap { $0 }) }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            // Counted outside of the macro: within one function the compiler takes a closure inside of it and one behind it for the same.
            let recorded = outcomes.count(where: { $0 == .recorded })
            let duplicates = outcomes.count(where: { $0 == .duplicate })
            let conflicts = outcomes.count { if case .quarantined(.conflict, _, _) = $0 { true } else { false } }
            #expect(
                recorded == 500 && duplicates == 520 && conflicts == 1_020, "\(recorded) \(duplicates) \(conflicts) of \(outcomes.count)")
            let subscribers: Query<Int> = SQL("select coalesce(max(n), 0) from (select count(*) n from payment_event group by trade_no) t")
                .value()
            #expect(try await market.client.run(subscribers) == 1)
            #expect(try await Verification.run(on: market.client).agrees)
        }
    }

    @Test("a trade number that comes under two subscribers to two processes at once is recorded for one of them, payment or refund")
    func oneTradeOfTwoInTwoProcesses() async throws {
        try await withRecorders { client, recorders in
            for number in 0..<150 {
                let pair = try ["left", "right"].map { side in
                    let uid = try #require(UID("UID_\(side)"))
                    let payment = try payment("TWOSIDES-\(number)", number, uid)
                    guard number.isMultiple(of: 3) else { return payment }
                    return PaymentEvent(
                        kind: .refund, tradeNumber: payment.tradeNumber, payTradeNumber: nil, uid: uid, createTime: payment.createTime,
                        addTime: TimeSpan(milliseconds: -1), amount: .zero, productID: payment.productID)
                }
                let outcomes = try await withThrowingTaskGroup(of: RecordOutcome.self) { group in
                    for (event, recorder) in zip(pair, recorders) { group.addTask { try await recorder.record(submission(event)) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let isConflict = outcomes.contains { if case .quarantined(.conflict, _, _) = $0 { true } else { false } }
                try #require(outcomes.contains(.recorded) && isConflict, "\(number): \(outcomes)")
            }
            // And in batches, which hold many numbers at once.
            let halves = try ["left", "right"].map { side in
                try (0..<1_200).map { try payment("MANY-\($0)", $0, try #require(UID("UID_\(side)\($0 % 97)"))) }
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (events, recorder) in zip(halves, recorders) {
                    group.addTask { _ = try await recorder.record(events.map(submission)) }
                }
                try await group.waitForAll()
            }
            #expect(try await client.run(SQL("select count(*) from payment_event where trade_no like 'MANY-%'").value(Int.self)) == 1_200)
            let verification = try await Verification.run(on: client)
            #expect(verification.agrees, "\(verification)")
        }
    }

    @Test("a lock that somebody holds for long costs one wait, not one for each event, and the sender is told that it took too long")
    func heldLock() async throws {
        try await BillingFixture.with { market in
            let log = LogCapture()
            let settings = ["role": "market_server"]
            try await withClient(market.database.url, { ($0.settings, $0.lockTimeout) = (settings, .milliseconds(100)) }) { client in
                let recorder = EventRecorder(client, logger: log.logger())
                try await withServices([recorder]) {
                    try await withClient(market.database.url) { owner in
                        let submissions = try (0..<16).map { submission(try payment("HELD-\($0)", $0, try #require(UID("UID_held\($0)")))) }
                        try await owner.transaction { transaction in
                            _ = try await transaction.run(SQL("lock table paid_window in exclusive mode").execute)
                            let error = await #expect(throws: PGError.self) { try await recorder.record(submissions) }
                            #expect(error?.sqlState == .lockNotAvailable)
                        }
                        #expect(log.lines.count == 1, "\(log.lines)")
                        #expect(try await recorder.record(submissions) == Array(repeating: .recorded, count: 16))
                    }
                }
            }
        }
    }

    @Test("a batch that loses every race is given up after so many, and the sender is told to come later")
    func lostRaces() async throws {
        try await BillingFixture.with { market in
            // Loses as if another process had inserted the same event each time in between.
            try await market.database.asOwner("create unique index on payment_event (amount)")
            let log = LogCapture()
            let recorder = EventRecorder(market.client, logger: log.logger())
            try await withServices([recorder]) {
                let submissions = try (0..<4).map { submission(try payment("RACE-\($0)", $0, try #require(UID("UID_race\($0)")))) }
                let error = await #expect(throws: PGError.self) { try await recorder.record(submissions) }
                #expect(error?.sqlState?.isTransient == true && error?.outcome == .notApplied)
                #expect(log.lines.count == 1, "\(log.lines)")
            }
        }
    }

    private func payment(_ trade: String, _ offset: Int, _ uid: UID) throws -> PaymentEvent {
        PaymentEvent(
            kind: .payment, tradeNumber: try #require(TradeNumber(trade)), payTradeNumber: nil, uid: uid,
            createTime: Instant(milliseconds: 1_664_118_481_675 + Int64(offset)), addTime: TimeSpan(milliseconds: 1_000), amount: .zero,
            productID: offset.isMultiple(of: 3) ? BillingFixture.both : BillingFixture.topicOnly)
    }

    private func play(_ seed: UInt64, to recorders: [EventRecorder], _ client: PGClient) async throws {
        var random = SeededRandom(seed: seed)
        var events: [PaymentEvent] = []
        for number in 0..<(seed.isMultiple(of: 8) ? 60 : 6) {
            let uid = try #require(UID("UID_\(seed)_\(number)"))
            events += crossedHistory(of: uid, marked: "s\(seed)u\(number)", &random)
        }
        let chunks = deliveries(of: events, &random)
        let outcomes = try await withThrowingTaskGroup(of: [(PaymentEvent, RecordOutcome)].self) { group in
            // Two callers for each recorder, each in a hurry.
            for lane in 0..<recorders.count * 2 {
                let mine = chunks.indices.filter { $0 % (recorders.count * 2) == lane }.map { chunks[$0] }
                group.addTask {
                    var all: [(PaymentEvent, RecordOutcome)] = []
                    for chunk in mine { all += zip(chunk, try await recorders[lane / 2].record(chunk.map(submission))) }
                    return all
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let rows: [PaymentEvent] = try await client.run(
            SQL("select \(PaymentEvent.columns) from payment_event e where e.uid like \("UID\\_\(seed)\\_%")").all())
        let recorded = Dictionary(grouping: rows, by: \.identity)
        for (identity, answers) in Dictionary(grouping: outcomes, by: \.0.identity) {
            try #require(recorded[identity]?.count == 1, "seed \(seed): \(identity) is there once")
            try #require(answers.count(where: { $0.1 == .recorded }) == 1, "seed \(seed): \(answers)")
            for (event, outcome) in answers {
                let isTheOne = event == recorded[identity]?[0]
                switch outcome {
                case .recorded, .duplicate: try #require(isTheOne, "seed \(seed): \(event) was not recorded")
                case .quarantined(let reason, _, _): try #require(!isTheOne && reason == .conflict, "seed \(seed): \(event) \(outcome)")
                }
            }
        }
        try await compareWindows(rows, seed, client)
    }

    private func compareWindows(_ events: [PaymentEvent], _ seed: UInt64, _ client: PGClient) async throws {
        let windows: [StoredWindow] = try await client.run(
            SQL("select \(StoredWindow.columns) from paid_window w where w.uid like \("UID\\_\(seed)\\_%")").all())
        var derived: [WindowKey: [PaymentEvent]] = [:]
        for event in events {
            for resource in Self.resources[event.productID] ?? [] {
                derived[WindowKey(resourceID: resource, uid: event.uid), default: []].append(event)
            }
        }
        try #require(Set(windows.map(\.key)) == Set(derived.keys), "seed \(seed)")
        for window in windows {
            let mine = derived[window.key] ?? []
            try #require(window.state == WindowState(folding: mine), "seed \(seed), \(window.key): \(mine)")
            try #require(window.state.payEndTime.milliseconds == ReferenceFold.payEndTime(mine), "seed \(seed), \(window.key): \(mine)")
        }
    }

    private func submission(_ event: PaymentEvent) -> Submission {
        // By our own numbers, which is what one who does not come through an inbound address may do.
        var message = BillingFixture.message(event)
        message.appId = BillingFixture.app
        message.prodId = event.productID.rawValue
        return BillingFixture.submission(message, source: .backfill)
    }

    /// The events with repeats, most often nearly in order (there the short path answers), in batches of one to some hundreds.
    private func deliveries(of events: [PaymentEvent], _ random: inout SeededRandom) -> [[PaymentEvent]] {
        var all = events + events.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
        all.shuffle(using: &random)
        if Int.random(in: 0..<3, using: &random) > 0 {
            all.sort { $0.createTime < $1.createTime }
            for index in all.indices.dropFirst() where Int.random(in: 0..<3, using: &random) == 0 {
                all.swapAt(index, Int.random(in: max(0, index - 9)...index, using: &random))
            }
        }
        let sizes = [1...3, 1...20, 5...60, 400...900].randomElement(using: &random) ?? 1...3
        var chunks: [[PaymentEvent]] = []
        while !all.isEmpty {
            let size = min(all.count, Int.random(in: sizes, using: &random))
            chunks.append(Array(all.prefix(size)))
            all.removeFirst(size)
        }
        return chunks
    }

    /// A history with all that is awkward: ties, exact ends, refunds of another product's payment, before their payment, of nothing, of more than was
    /// paid, of no time, under the payment's number or one of their own, and now and then two contents under one identity.
    private func crossedHistory(of uid: UID, marked mark: String, _ random: inout SeededRandom) -> [PaymentEvent] {
        let base: Int64 = 1_664_118_481_675
        let span = [12, 60, 400].randomElement(using: &random) ?? 60
        let refunds = Int.random(in: 1...6, using: &random)
        let products = [BillingFixture.both, BillingFixture.topicOnly, Self.appOnly]
        let trades = (0..<Int.random(in: 1...9, using: &random)).compactMap { TradeNumber("P\($0)-\(mark)") }
        var events: [PaymentEvent] = []
        for trade in trades where Int.random(in: 0..<8, using: &random) > 0 {
            events.append(
                PaymentEvent(
                    kind: .payment, tradeNumber: trade, payTradeNumber: nil, uid: uid,
                    createTime: Instant(milliseconds: base + Int64.random(in: 0...Int64(span), using: &random)),
                    addTime: TimeSpan(milliseconds: Int64.random(in: 1...20, using: &random)), amount: Money(fen: 50),
                    productID: products.randomElement(using: &random) ?? products[0]))
        }
        for number in 0..<Int.random(in: 0...12, using: &random) where Int.random(in: 0...6, using: &random) < refunds {
            let named = trades.randomElement(using: &random) ?? trades[0]
            let payment = events.first { $0.kind == .payment && $0.tradeNumber == named }
            let ownNumber = TradeNumber("R\(number)-\(mark)") ?? named
            let (trade, payTrade): (TradeNumber, TradeNumber?) =
                switch Int.random(in: 0..<8, using: &random) {
                case 0...2: (named, nil)
                case 3...5: (ownNumber, named)
                case 6: (ownNumber, nil)
                default: (trades.randomElement(using: &random) ?? named, named)
                }
            // Most are of the payment's own product and after it.
            let usual = Int.random(in: 0..<4, using: &random) > 0
            let after = usual ? payment?.createTime.milliseconds ?? base : base
            let back = Int.random(in: 0..<8, using: &random) == 0 ? 0 : Int64.random(in: 1...14, using: &random)
            events.append(
                PaymentEvent(
                    kind: .refund, tradeNumber: trade, payTradeNumber: payTrade, uid: uid,
                    createTime: Instant(milliseconds: after + Int64.random(in: 0...Int64(span) / 2, using: &random)),
                    addTime: TimeSpan(milliseconds: -back), amount: Money(fen: -10),
                    productID: usual ? payment?.productID ?? products[0] : products.randomElement(using: &random) ?? products[0]))
        }
        // At most one content for an identity, but for a few.
        var seen: Set<PaymentEvent.Identity> = []
        return events.filter { event in seen.insert(event.identity).inserted || Int.random(in: 0..<4, using: &random) == 0 }
    }
}
