import PGClient

/// What the database holds of a round, from one snapshot.
struct Snapshot: Sendable {
    /// In the order of their commit.
    let events: [Event]
    let windows: [Check.Key: Window]
    let kept: [Kept]

    init(of workload: Workload, on stage: Stage) async throws {
        // From the prefix to what it would be with the next character at its end.
        let (first, last) = (workload.prefix, String(workload.prefix.dropLast() + "."))
        let (firstUID, lastUID) = ("UID_\(workload.round)_", "UID_\(workload.round)`")
        let (events, windows, kept) = try await stage.reading { client in
            try await client.transaction(.repeatableRead, readOnly: true) { transaction in
                try await transaction.run(
                    SQL(
                        """
                        select uid, trade_no, pay_trade_no, type, create_time, add_time, amount, product_id
                        from payment_event
                        where trade_no >= \(first) and trade_no < \(last)
                        order by commit_position, ordinal
                        """
                    ).all(Event.self),
                    SQL(
                        """
                        select resource_id, uid, pay_end_time, payments
                        from paid_window
                        where uid >= \(firstUID) and uid < \(lastUID)
                        """
                    ).values((Int64, String, Int64, Int).self),
                    SQL(
                        """
                        select id, trade_no, reason, state, body
                        from quarantine
                        where trade_no collate "C" >= \(first) and trade_no collate "C" < \(last)
                        """
                    ).all(Kept.self))
            }
        }
        self.events = events
        self.kept = kept
        self.windows = Dictionary(
            windows.map { (Check.Key(resource: $0.0, uid: $0.1), Window(payEndTime: $0.2, payments: $0.3)) }
        ) { first, _ in first }
    }

    struct Window: Sendable {
        let payEndTime: Int64
        let payments: Int
    }

    struct Event: PGRowDecodable, Sendable {
        let uid: String
        let trade: String
        let payTrade: String?
        let type: Int16
        let createTime, addTime, amount, product: Int64

        init(row: PGRow) throws(PGError) {
            (uid, trade, payTrade, type, createTime, addTime, amount, product) = try row.decode()
        }

        func message(products: [Int64: Int64]) -> Message {
            Message(
                isRefund: type == 2, uid: uid, trade: trade, payTrade: payTrade, createTime: createTime, addTime: addTime, amount: amount,
                product: products[product] ?? product)
        }
    }

    struct Kept: PGRowDecodable, Sendable {
        let id: Int64
        let trade: String?
        let reason, state, body: String

        init(row: PGRow) throws(PGError) {
            let bytes: Bytea
            (id, trade, reason, state, bytes) = try row.decode()
            body = String(decoding: bytes.bytes, as: UTF8.self)
        }
    }
}

/// The number of rows of whole tables, so that one in a place where no round looks is noticed.
struct Totals: Sendable, Equatable, CustomStringConvertible {
    var events = 0
    var windows = 0
    var kept = 0

    var description: String { "\(events) events, \(windows) windows, \(kept) in quarantine" }

    static func counted(on stage: Stage) async throws -> Totals {
        try await stage.reading { client in
            let counts = try await client.run(
                SQL("select (select count(*) from payment_event), (select count(*) from paid_window), (select count(*) from quarantine)")
                    .values((Int, Int, Int).self))
            guard let (events, windows, kept) = counts.first else { throw ChaosError("no counts") }
            return Totals(events: events, windows: windows, kept: kept)
        }
    }

    /// Events that one transaction needs to have recorded to show that the batch was taken in two at once, which begins at 400 for both together.
    static let large = 400

    /// Transactions that recorded so many.
    static func largeTransactions(on stage: Stage) async throws -> Int {
        try await stage.reading { client in
            try await client.run(
                SQL(
                    """
                    select count(*)
                    from (select from payment_event group by commit_position having count(*) >= \(large)) as t
                    """
                ).value(Int.self))
        }
    }
}
