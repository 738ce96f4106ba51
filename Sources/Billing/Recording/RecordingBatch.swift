import PGClient
import ProductCatalog

/// One transaction's worth of submissions: read the windows that they touch, insert the events, fold, write the windows.
struct RecordingBatch {
    let submissions: [Submission]
    private let bundles: BundleMemory

    init(_ submissions: [Submission], bundles: BundleMemory) {
        self.submissions = submissions
        self.bundles = bundles
    }

    /// Times that a batch is tried when another process got in between. Each time that process has committed, so this ends.
    private static let attempts = 10

    /// What became of each submission, once it is committed.
    ///
    /// First without locking the windows: one that another process writes meanwhile, or makes, is noticed when it is written here. After such a
    /// collision they are locked before anything is decided, and the other one waits.
    func record(in database: PGClient) async throws -> [Result<RecordOutcome, any Error>] {
        var collision: (any Error)?
        for attempt in 0..<Self.attempts {
            do {
                return try await database.transaction(attempts: Self.attempts, alongside: true) {
                    try await record(in: $0, locking: attempt > 0)
                }
            } catch let error where Self.raced(error) {
                // What the other process wrote is there now: read again and decide anew.
                collision = error
            }
        }
        // Whichever way the last race was lost: the answer is "later", not that something is wrong.
        throw PGError(
            .server, "others were faster each time, at last with: \(collision.map { "\($0)" } ?? "nothing")",
            sqlState: .serializationFailure)
    }

    /// Whether another process recorded the same event, wrote the same window or kept the same message between our look and our write.
    private static func raced(_ error: any Error) -> Bool {
        guard let error = error as? PGError, error.outcome == .notApplied else { return false }
        return error.sqlState == .uniqueViolation || error.sqlState == .notNullViolation || error.sqlState?.isTransient == true
    }

    private func record(in transaction: PGTransaction, locking: Bool) async throws -> [Result<RecordOutcome, any Error>] {
        let references = submissions.map(ProductReference.init)
        let distinct = Set(references)
        let own = Set(submissions.compactMap { TradeNumber($0.message.tradeNo) })
        let trades = own.union(named)
        // The windows to be read hang on the products, which are looked up by the way: they are taken to be the windows that they were the last time.
        let likely = touchedWindows(references) { bundles[$0] }
        // Each statement sees what was committed when it begins (read committed): what is known, all that was recorded before the numbers were ours. The
        // windows first: what is known may then be newer than they are, and the write will notice, but never older.
        let resolutions: [ProductReference: Resolution]
        let now: Instant
        var windows: [WindowKey: StoredWindow]
        var known: [PaymentEvent.Known]
        (now, resolutions, windows, known) = try await transaction.run(
            TradeNumber.claim(own), Resolution.of(Array(distinct)),
            locking ? WindowState.locked(likely) : WindowState.of(likely), PaymentEvent.known(of: trades))
        let keys = touchedWindows(references) { resolutions[$0]?.product?.resourceIDs }
        if !Set(keys).isSubset(of: likely) {
            (windows, known) = try await transaction.run(
                locking ? WindowState.locked(keys) : WindowState.of(keys), PaymentEvent.known(of: trades))
        }
        for reference in distinct { bundles[reference] = resolutions[reference]?.product?.resourceIDs }

        var judgement = Judgement(known: known, now: now)
        for (submission, reference) in zip(submissions, references) { judgement.judge(submission, resolutions[reference]) }

        let writes =
            judgement.accepted.isEmpty
            ? [] : try await WindowUpdate(judgement.accepted, windows: windows, known: known.map(\.event)).writes(in: transaction)
        let numbers: [QuarantinedMessage.ID]
        if judgement.kept.isEmpty {
            _ = try await transaction.commit(after: writes)
            numbers = []
        } else {
            _ = try await transaction.runAll(writes)
            numbers = try await transaction.commit(after: judgement.kept.map { QuarantinedMessage.keep($0) })
        }
        return judgement.verdicts.map { verdict in
            switch verdict {
            case .accepted: .success(.recorded)
            case .duplicate: .success(.duplicate)
            case .kept(let index):
                .success(.quarantined(judgement.kept[index].reason, detail: judgement.kept[index].detail, id: numbers[index]))
            case .unknownSender: .failure(UnknownInboundKey())
            }
        }
    }

    /// The windows that the submissions touch if they are good, in the order of the key.
    private func touchedWindows(_ references: [ProductReference], _ bundle: (ProductReference) -> [Resource.ID]?) -> [WindowKey] {
        var keys: Set<WindowKey> = []
        for (submission, reference) in zip(submissions, references) {
            guard let uid = UID(submission.message.uid), let resourceIDs = bundle(reference) else { continue }
            for resourceID in resourceIDs { keys.insert(WindowKey(resourceID: resourceID, uid: uid)) }
        }
        return keys.sorted()
    }

    /// The payments that the submissions name by another number than their own.
    private var named: Set<TradeNumber> { Set(submissions.compactMap { $0.message.payTradeNo.flatMap(TradeNumber.init) }) }
}
