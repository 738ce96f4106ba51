import PGClient
import ProductCatalog

/// One transaction's worth of submissions: lock the windows that they touch in key order, insert the events, fold, write the windows.
struct RecordingBatch {
    let submissions: [Submission]

    init(_ submissions: [Submission]) {
        self.submissions = submissions
    }

    /// Times that a batch is tried when another process got in between. Each time that process has committed, so this ends.
    private static let attempts = 10

    /// What became of each submission, once it is committed.
    func record(in database: PGClient) async throws -> [RecordOutcome] {
        for _ in 1..<Self.attempts {
            do {
                return try await database.transaction(attempts: Self.attempts) { try await record(in: $0) }
            } catch let error as PGError where Self.raced(error) {
                // The other process's event or window is there now: read again and decide anew.
                continue
            }
        }
        return try await database.transaction(attempts: Self.attempts) { try await record(in: $0) }
    }

    /// Whether another process recorded the same event, made the same window or kept the same message between our look and our insert.
    private static func raced(_ error: PGError) -> Bool {
        error.sqlState == .uniqueViolation && error.outcome == .notApplied
    }

    private func record(in transaction: PGTransaction) async throws -> [RecordOutcome] {
        let references = Array(Set(submissions.map(reference)))
        let tradeNumbers = Array(Set(submissions.compactMap { TradeNumber($0.message.tradeNo) }))
        let (resolved, known, now) = try await transaction.run(
            ProductReference.resolve(references), KnownEvent.with(tradeNumbers), SQL("select now_ms()").value(Instant.self))
        var products: [ProductReference: ResolvedProduct] = [:]
        for (index, product) in resolved { products[references[index]] = product }

        var judgement = Judgement(known: known, now: now)
        for submission in submissions { judgement.judge(submission, product: products[reference(submission)]) }

        if !judgement.accepted.isEmpty { try await write(judgement.accepted, in: transaction) }
        let numbers = try await transaction.runAll(judgement.kept.map { QuarantinedMessage.keep($0) })
        return judgement.verdicts.map { verdict in
            switch verdict {
            case .accepted: .recorded
            case .duplicate: .duplicate
            case .kept(let index): .quarantined(judgement.kept[index].reason, detail: judgement.kept[index].detail, id: numbers[index])
            }
        }
    }

    private func reference(_ submission: Submission) -> ProductReference {
        ProductReference(
            publisherID: submission.publisherID, inboundAppID: submission.inboundAppID, appID: submission.message.appId,
            productID: submission.message.prodId)
    }

    private func write(_ accepted: [AcceptedEvent], in transaction: PGTransaction) async throws {
        var touched: [WindowKey: [PaymentEvent]] = [:]
        for accepted in accepted {
            for resourceID in accepted.product.resourceIDs {
                touched[WindowKey(resourceID: resourceID, uid: accepted.event.uid), default: []].append(accepted.event)
            }
        }
        let keys = touched.keys.sorted()
        let stored = Dictionary(try await transaction.run(WindowState.locked(keys)), uniquingKeysWith: { first, _ in first })
        let next = try await fold(touched, onto: stored, in: transaction)
        let changed = keys.filter { stored[$0] != nil }
        let new = keys.filter { stored[$0] == nil }
        // In the order of the key, as the locks were: two batches that insert the same events must not wait for each other crosswise.
        let events = accepted.sorted { $0.event.identity < $1.event.identity }
        _ = try await transaction.run(
            AcceptedEvent.insert(events), WindowState.insert(new.map { ($0, next[$0] ?? .empty) }),
            WindowState.update(changed.map { ($0, next[$0] ?? .empty) }))
    }

    /// The next state of each touched window: by the short path where it is the fold's own last step, by the fold of all events elsewhere.
    private func fold(
        _ touched: [WindowKey: [PaymentEvent]], onto stored: [WindowKey: WindowState], in transaction: PGTransaction
    ) async throws -> [WindowKey: WindowState] {
        var next: [WindowKey: WindowState] = [:]
        var slow: [WindowKey] = []
        for (key, events) in touched {
            var state: WindowState? = stored[key] ?? .empty
            for event in events.sorted(by: { $0.createTime < $1.createTime }) { state = state?.appending(event) }
            if let state {
                next[key] = state
            } else if stored[key] == nil {
                next[key] = WindowState(folding: events)
            } else {
                slow.append(key)
            }
        }
        guard !slow.isEmpty else { return next }
        var history: [WindowKey: [PaymentEvent]] = [:]
        for past in try await transaction.run(WindowEvent.history(of: slow.sorted())) { history[past.key, default: []].append(past.event) }
        for key in slow { next[key] = WindowState(folding: (history[key] ?? []) + (touched[key] ?? [])) }
        return next
    }
}

extension PaymentEvent.Identity: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        left.tradeNumber == right.tradeNumber ? left.refundTime < right.refundTime : left.tradeNumber < right.tradeNumber
    }
}
