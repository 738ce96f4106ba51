import PGClient
import ProductCatalog

extension Audience {
    /// How long one audience may take to be read: a million members to somebody who takes 100 KB a second. Its connection is lent for that time. The
    /// reader decides how long a statement takes, and how long the transaction waits between two.
    private static let patience = TransactionLimits(statement: .seconds(600), idle: .seconds(600))
    /// Windows in one go where each is decoded; memory is that of one batch.
    private static let batch = 5_000

    /// Hands the members over by uid (in byte order), in batches, from one snapshot of the database; memory is that of one batch.
    ///
    /// - Returns: the instant that was asked about.
    /// - Throws: `NotSettled` when what was known then cannot be told yet; `PGError`; what the body throws.
    @discardableResult
    public func read(from database: PGClient, _ body: (AudienceBatch) async throws -> Void) async throws -> Instant {
        try await Settling.wait(for: knownAt, in: database)
        return try await database.transaction(.repeatableRead, readOnly: true, limits: Self.patience) { transaction in
            let instant = try await begin(transaction)
            guard knownAt == nil else {
                try await readFolding(windows(at: instant), at: instant, in: transaction, body)
                return instant
            }
            var (query, most) = (stored(at: instant), Int.max)
            while true {
                let page = try await copy(query, in: transaction, body)
                var last = page.rows < most ? nil : page.last
                most = most > .max / 2 ? .max : 2 * most
                if let stale = page.stale {
                    let rest = windows(at: instant, from: stale, most: pageSize)
                    let read = try await readFolding(rest, at: instant, in: transaction, body)
                    last = read.rows < pageSize ? nil : read.last?.text
                    // Where there is one there may be more, and the rest of a copy is thrown away.
                    most = pageSize
                }
                guard let last else { return instant }
                query = stored(at: instant, after: last, most: most)
            }
        }
    }

    /// The number of members.
    public func count(in database: PGClient) async throws -> (at: Instant, count: Int) {
        try await Settling.wait(for: knownAt, in: database)
        return try await database.transaction(.repeatableRead, readOnly: true, limits: Self.patience) { transaction in
            let instant = try await begin(transaction)
            let (current, stale) = try await transaction.run(counts(at: instant))
            var count = current
            if stale > 0 {
                try await readFolding(windows(at: instant, staleOnly: true), at: instant, in: transaction) { count += $0.count }
            }
            return (instant, count)
        }
    }

    private func begin(_ transaction: PGTransaction) async throws -> Instant {
        if let at { return at }
        return try await transaction.run(SQL("select now_ms()").value(Instant.self))
    }

    /// What was taken of a copy.
    private struct Page {
        /// Lines.
        var rows = 0
        /// The uid of the last one.
        var last: String?
        /// The uid of the first whose stored state is not the answer: from there on nothing was handed over.
        var stale: String?
    }

    /// Copies members out as they are stored, up to the first window whose stored state is not the answer.
    private func copy(
        _ query: SQL, in transaction: PGTransaction, _ body: (AudienceBatch) async throws -> Void
    ) async throws -> Page {
        var page = Page()
        try await transaction.copyOut(query, format: .text) { chunks in
            for try await chunk in chunks {
                // The rest of a copy has to be read, though nobody wants it any more.
                guard page.stale == nil else { continue }
                let (batch, stale) = AudienceBatch.cut(chunk)
                page.stale = stale
                page.rows += batch.count
                page.last = batch.lastUID ?? page.last
                if batch.count > 0 { try await body(batch) }
            }
        }
        return page
    }

    /// Hands over those windows that are members, folding each whose stored state is not the answer.
    ///
    /// - Returns: how many windows were looked at, and whose the last was.
    @discardableResult
    private func readFolding(
        _ windows: SQL, at instant: Instant, in transaction: PGTransaction, _ body: (AudienceBatch) async throws -> Void
    ) async throws -> (rows: Int, last: UID?) {
        try await transaction.stream(windows, as: StoredWindow.self, batch: Self.batch) { rows in
            var (count, last): (Int, UID?) = (0, nil)
            for try await windows in rows.batches {
                (count, last) = (count + windows.count, windows.last?.key.uid ?? last)
                let keys = windows.filter { !isCurrent($0.state, at: instant) }.map { $0.key }
                let events = keys.isEmpty ? [:] : try await transaction.run(WindowEvent.history(of: keys, until: instant, knownAt: knownAt))
                let members = windows.compactMap { window -> Member? in
                    let current = isCurrent(window.state, at: instant)
                    let state = current ? window.state : WindowState(folding: events[window.key] ?? [])
                    return holds(state, at: instant) ? Member(uid: window.key.uid, payEndTime: state.payEndTime) : nil
                }
                if !members.isEmpty { try await body(AudienceBatch(members)) }
            }
            return (count, last)
        }
    }

    /// Uid, end of the paid time, and whether the window has to be folded, of all.
    ///
    /// Read in the order in which they lie and then sorted (offset 0 keeps these apart): that takes two thirds of fetching each by way of the index.
    func stored(at instant: Instant) -> SQL {
        """
        select w.uid, w.pay_end_time, w.last_event_time > \(instant)
        from (select w.uid, w.pay_end_time, w.last_event_time from paid_window w where \(condition(at: instant)) offset 0) as w
        order by w.uid
        """
    }

    /// The same of some.
    func stored(at instant: Instant, after uid: String, most: Int) -> SQL {
        """
        select w.uid, w.pay_end_time, w.last_event_time > \(instant)
        from paid_window w
        where \(condition(at: instant))
              and w.uid > \(uid)
        order by w.uid
        limit \(most)
        """
    }

    /// The windows that may hold a member: those whose stored state says so, and those that have to be folded to know.
    private func condition(at instant: Instant) -> SQL {
        """
        w.resource_id = \(resourceID)
              and w.payments > 0
              and (\(knownAt != nil) or w.last_event_time > \(instant)
                   or (\(mode != .paid) or w.pay_end_time > \(instant)) and (\(mode != .unpaid) or w.pay_end_time <= \(instant)))
        """
    }

    /// - Parameters:
    ///   - uid: the first of them.
    ///   - staleOnly: only those that have to be folded.
    ///   - most: so many at most.
    func windows(at instant: Instant, from uid: String = "", staleOnly: Bool = false, most: Int = .max) -> SQL {
        """
        select \(StoredWindow.columns)
        from paid_window w
        where \(condition(at: instant))
              and w.uid >= \(uid)
              and (\(!staleOnly || knownAt != nil) or w.last_event_time > \(instant))
        order by w.uid
        limit \(most)
        """
    }

    /// How many stored states are the answer and say that there is a member, and how many have to be folded.
    func counts(at instant: Instant) -> Query<(Int, Int)> {
        let rows: Query<[(Int, Int)]> = SQL(
            """
            select count(*) filter (where not \(knownAt != nil) and w.last_event_time <= \(instant)),
                   count(*) filter (where \(knownAt != nil) or w.last_event_time > \(instant))
            from paid_window w
            where \(condition(at: instant))
            """
        ).values((Int, Int).self)
        return rows.map { $0.first ?? (0, 0) }
    }
}
