import PGClient
import ProductCatalog

extension PaymentEvent: PGRowDecodable {
    /// What the database's constraints have validated, as it stands in a row.
    typealias Columns = (Int16, TradeNumber, TradeNumber?, UID, Instant, TimeSpan, Money, MessageProduct.ID)

    /// The columns that `init(_:)` reads, of payment_event e.
    static let columns: SQL = "e.type, e.trade_no, e.pay_trade_no, e.uid, e.create_time, e.add_time, e.amount, e.product_id"

    init(_ columns: Columns) throws(PGError) {
        guard let kind = Kind(rawValue: columns.0) else { throw .decoding("payment_event.type") }
        self.init(
            kind: kind, tradeNumber: columns.1, payTradeNumber: columns.2, uid: columns.3, createTime: columns.4, addTime: columns.5,
            amount: columns.6, productID: columns.7)
    }

    public init(row: PGRow) throws(PGError) {
        try self.init(row.decode(Columns.self))
    }

    /// A recorded event and whose it is.
    struct Known: PGRowDecodable, Sendable {
        let event: PaymentEvent
        let publisherID: Publisher.ID

        init(row: PGRow) throws(PGError) {
            let (kind, tradeNumber, payTradeNumber, uid): (Int16, TradeNumber, TradeNumber?, UID)
            let (createTime, addTime, amount, productID): (Instant, TimeSpan, Money, MessageProduct.ID)
            (publisherID, kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID) = try row.decode()
            event = try PaymentEvent((kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID))
        }
    }

    /// What is recorded of these trades, whoever's: the events under their numbers, and the refunds that name them by another number. Number by number
    /// (offset 0), whatever the planner believes of a table that was never analyzed.
    ///
    /// A number behind the last one that is recorded need not be looked for: those of the platform rise with time, so of what comes in order none is.
    static func known(of trades: Set<TradeNumber>) -> Query<[Known]> {
        let trades = Array(trades)
        return SQL(
            """
            select e.publisher_id, \(columns)
            from unnest(\(trades)) as k (trade_no)
            cross join lateral (select * from payment_event p where p.trade_no = k.trade_no collate "C" offset 0) as e
            where k.trade_no collate "C" <= (select max(trade_no) from payment_event)
            union all
            select e.publisher_id, \(columns)
            from unnest(\(trades)) as k (trade_no)
            cross join lateral (select * from payment_event p where p.pay_trade_no = k.trade_no collate "C" offset 0) as e
            where k.trade_no collate "C" <= (select max(pay_trade_no) from payment_event)
              and e.trade_no <> all(\(trades))
            """
        ).all()
    }
}

extension TradeNumber {
    /// Makes the numbers ours until the end of the transaction: another one that claims one of them waits, and then sees what we recorded under it.
    ///
    /// The key of payment_event tells two subscribers of one number apart, so it does not keep a second one out. The locks are taken in one order, before
    /// all others, so that no two batches wait for each other crosswise.
    ///
    /// - Returns: the database's clock when they are ours.
    static func claim(_ numbers: Set<TradeNumber>) -> Query<Instant> {
        let claimed = SQL(
            """
            select count(pg_advisory_xact_lock(number)), now_ms()
            from (select distinct hashtextextended(k.trade_no, 0) as number from unnest(\(Array(numbers))) as k (trade_no) order by number) as n
            """
        ).values((Int, Instant).self)
        return claimed.map { rows throws(PGError) in
            guard let (_, now) = rows.first else { throw .decoding("the clock") }
            return now
        }
    }
}

/// An event with one of the windows that it belongs to.
struct WindowEvent: PGRowDecodable, Sendable {
    let key: WindowKey
    let event: PaymentEvent

    /// The columns that `init(row:)` reads, of product_resource b and payment_event e.
    static let columns: SQL = "b.resource_id, \(PaymentEvent.columns)"

    init(row: PGRow) throws(PGError) {
        let resourceID: Resource.ID
        let (kind, tradeNumber, payTradeNumber, uid): (Int16, TradeNumber, TradeNumber?, UID)
        let (createTime, addTime, amount, productID): (Instant, TimeSpan, Money, MessageProduct.ID)
        (resourceID, kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID) = try row.decode()
        key = WindowKey(resourceID: resourceID, uid: uid)
        event = try PaymentEvent((kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID))
    }

    /// The events of these windows up to an instant, as known at one. Key by key and product by product (offset 0): before the first ANALYZE the planner
    /// takes a subscriber for a two-hundredth of the table, and would rather read all of that; and after it, all of his events once for each product.
    static func history(
        of keys: [WindowKey], until: Instant = .last, knownAt: Instant? = nil
    ) -> Query<[WindowKey: [PaymentEvent]]> {
        let rows: Query<[WindowEvent]> = SQL(
            """
            select \(columns)
            from unnest(\(keys.map { $0.resourceID }), \(keys.map { $0.uid })) as k (resource_id, uid)
            join product_resource b on b.resource_id = k.resource_id
            cross join lateral (
                select * from payment_event p where p.uid = k.uid collate "C" and p.product_id = b.product_id offset 0
            ) as e
            where e.create_time <= \(until)
              and e.recorded_at <= coalesce(\(knownAt), 9223372036854775807)
            """
        ).all()
        return rows.map { rows in Dictionary(grouping: rows, by: { $0.key }).mapValues { $0.map { $0.event } } }
    }
}
