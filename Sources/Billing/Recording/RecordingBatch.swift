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

    private typealias Recorded = (outcomes: [Result<RecordOutcome, any Error>], windows: [(WindowKey, PlacedWindow)])

    private func record(in transaction: PGTransaction, locking: Bool) async throws -> Recorded {
        let products = BatchProducts(submissions)
        let found = try await look(in: transaction, products, locking: locking)
        var judgement = Judgement(known: found.known, now: found.now)
        for (submission, product) in zip(submissions, products.numbers) { judgement.judge(submission, found.resolutions[product]) }

        let writes =
            judgement.accepted.isEmpty
            ? .none
            : try await WindowUpdate(judgement, touching: found.touched, windows: found.windows, known: found.known.map(\.event))
                .writes(in: transaction)
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

    /// What the database says of the submissions before any of it is judged.
    private struct Found {
        let now: Instant
        /// By the number of a product.
        let resolutions: [Resolution?]
        let touched: TouchedWindows
        /// What is stored of the touched windows, or remembered to be, in their order.
        let windows: [PlacedWindow?]
        let known: [PaymentEvent.Known]
    }

    private func look(in transaction: PGTransaction, _ products: BatchProducts, locking: Bool) async throws -> Found {
        let own = Set(submissions.compactMap { TradeNumber($0.message.tradeNo) })
        let (claim, resolve) = (TradeNumber.claim(own), Resolution.of(products.references))
        let recall = PaymentEvent.known(of: own.union(named))
        func read(_ keys: [WindowKey]) -> Query<[PlacedWindow?]> { locking ? WindowState.locked(keys) : WindowState.of(keys) }
        // The windows to be read hang on the products, which are looked up by the way: they are taken to be the windows that they were the last time.
        let guesses = bundles.bundles(of: products.references)
        var touched = TouchedWindows(submissions, of: products, bundling: guesses)
        // Each statement sees what was committed when it begins (read committed): what is known, all that was recorded before the numbers were ours. The
        // windows first: what is known may then be newer than they are, and the write will notice, but never older.
        var windows = locking ? Array(repeating: nil, count: touched.keys.count) : memory.windows(of: touched.keys)
        let unread = windows.indices.filter { windows[$0] == nil }
        let now: Instant
        let resolutions: [Resolution?]
        var known: [PaymentEvent.Known]
        if unread.isEmpty {
            (now, resolutions, known) = try await transaction.run(claim, resolve, recall)
        } else {
            let stored: [PlacedWindow?]
            (now, resolutions, stored, known) = try await transaction.run(claim, resolve, read(unread.map { touched.keys[$0] }), recall)
            for (place, window) in zip(unread, stored) { windows[place] = window }
        }
        let bundled = resolutions.map { $0?.product?.resourceIDs }
        if bundled != guesses {
            bundles.remember(bundled, of: products.references)
            touched = TouchedWindows(submissions, of: products, bundling: bundled)
            (windows, known) = try await transaction.run(read(touched.keys), recall)
        }
        return Found(now: now, resolutions: resolutions, touched: touched, windows: windows, known: known)
    }

    /// The payments that the submissions name by another number than their own.
    private var named: Set<TradeNumber> { Set(submissions.compactMap { $0.message.payTradeNo.flatMap(TradeNumber.init) }) }
}
