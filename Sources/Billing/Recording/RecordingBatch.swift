import PGClient
import ProductCatalog

/// One transaction's worth of submissions: read the windows that they touch, insert the events, fold, write the windows.
struct RecordingBatch {
    let submissions: [Submission]
    private let bundles: BundleMemory
    private let memory: WindowMemory

    init(_ submissions: [Submission], bundles: BundleMemory, memory: WindowMemory) {
        self.submissions = submissions
        self.bundles = bundles
        self.memory = memory
    }

    /// Times that a batch is tried when another process got in between. Each time that process has committed, so this ends.
    private static let attempts = 10

    /// What became of each submission, once it is committed.
    ///
    /// First without locking the windows, and without reading those that are remembered: one that another process has written, or makes meanwhile, is
    /// noticed when it is written here. After such a collision they are locked before anything is decided, and the other one waits.
    func record(in database: PGClient) async throws -> [Result<RecordOutcome, any Error>] {
        var collision: (any Error)?
        for attempt in 0..<Self.attempts {
            do {
                let (outcomes, written) = try await database.transaction(attempts: Self.attempts, alongside: true) {
                    try await record(in: $0, locking: attempt > 0)
                }
                memory.remember(written)
                return outcomes
            } catch let error where Self.raced(error) {
                memory.forget()
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
        return error.sqlState == .uniqueViolation || error.sqlState == .overtaken || error.sqlState?.isTransient == true
    }

    private typealias Recorded = (outcomes: [Result<RecordOutcome, any Error>], windows: [PlacedWindow])

    private func record(in transaction: PGTransaction, locking: Bool) async throws -> Recorded {
        let references = submissions.map(ProductReference.init)
        let distinct = Set(references)
        let own = Set(submissions.compactMap { TradeNumber($0.message.tradeNo) })
        let trades = own.union(named)
        // The windows to be read hang on the products, which are looked up by the way: they are taken to be the windows that they were the last time.
        let likely = touchedWindows(references) { bundles[$0] }
        // Each statement sees what was committed when it begins (read committed): what is known, all that was recorded before the numbers were ours. The
        // windows first: what is known may then be newer than they are, and the write will notice, but never older.
        var windows = locking ? [:] : memory.windows(of: likely)
        let unread = likely.filter { windows[$0] == nil }
        let look = (TradeNumber.claim(own), Resolution.of(Array(distinct)), PaymentEvent.known(of: trades))
        let now: Instant
        let resolutions: [ProductReference: Resolution]
        var known: [PaymentEvent.Known]
        if unread.isEmpty {
            (now, resolutions, known) = try await transaction.run(look.0, look.1, look.2)
        } else {
            let read: [WindowKey: PlacedWindow]
            (now, resolutions, read, known) = try await transaction.run(look.0, look.1, Self.windows(unread, locking), look.2)
            windows.merge(read) { $1 }
        }
        let keys = touchedWindows(references) { resolutions[$0]?.product?.resourceIDs }
        if !Set(keys).isSubset(of: likely) {
            (windows, known) = try await transaction.run(Self.windows(keys, locking), look.2)
        }
        for reference in distinct { bundles[reference] = resolutions[reference]?.product?.resourceIDs }

        var judgement = Judgement(known: known, now: now)
        for (submission, reference) in zip(submissions, references) { judgement.judge(submission, resolutions[reference]) }

        let writes =
            judgement.accepted.isEmpty
            ? .none : try await WindowUpdate(judgement.accepted, windows: windows, known: known.map(\.event)).writes(in: transaction)
        let answers: [[RowPlace]]
        let numbers: [QuarantinedMessage.ID]
        if judgement.kept.isEmpty {
            answers = try await transaction.commit(after: writes.queries)
            numbers = []
        } else {
            answers = try await transaction.runAll(writes.queries)
            numbers = try await transaction.commit(after: judgement.kept.map { QuarantinedMessage.keep($0) })
        }
        let outcomes: [Result<RecordOutcome, any Error>] = judgement.verdicts.map { verdict in
            switch verdict {
            case .accepted: .success(.recorded)
            case .duplicate: .success(.duplicate)
            case .kept(let index):
                .success(.quarantined(judgement.kept[index].reason, detail: judgement.kept[index].detail, id: numbers[index]))
            case .unknownSender: .failure(UnknownInboundKey())
            }
        }
        return (outcomes, writes.written(answers))
    }

    private static func windows(_ keys: [WindowKey], _ locking: Bool) -> Query<[WindowKey: PlacedWindow]> {
        locking ? WindowState.locked(keys) : WindowState.of(keys)
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
