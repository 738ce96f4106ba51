import PGClient
import ProductCatalog

/// A recorded event under a trade number that came again, whoever's it is.
struct KnownEvent: PGRowDecodable, Sendable {
    let event: PaymentEvent

    init(row: PGRow) throws(PGError) {
        let (kind, tradeNumber, payTradeNumber, uid): (Int16, TradeNumber, TradeNumber?, UID)
        let (createTime, addTime, amount, productID): (Instant, TimeSpan, Money, MessageProduct.ID)
        (kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID) = try row.decode()
        guard let kind = PaymentEvent.Kind(rawValue: kind) else { throw .decoding("payment_event.type") }
        event = PaymentEvent(
            kind: kind, tradeNumber: tradeNumber, payTradeNumber: payTradeNumber, uid: uid, createTime: createTime, addTime: addTime,
            amount: amount,
            productID: productID)
    }

    static func with(_ tradeNumbers: [TradeNumber]) -> Query<[KnownEvent]> {
        SQL(
            """
            select type, trade_no, pay_trade_no, uid, create_time, add_time, amount, product_id
            from payment_event
            where trade_no = any(\(tradeNumbers))
            """
        ).all()
    }
}

extension AcceptedEvent {
    /// Inserts strictly: an event that another process recorded meanwhile makes the statement fail, and the batch is decided anew.
    static func insert(_ events: [AcceptedEvent]) -> Query<Int> {
        SQL(
            """
            with clock as materialized (
                select commit_position() as position, now_ms() as at
            )
            insert into payment_event (
                type, trade_no, pay_trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps,
                source, ordinal, commit_position, recorded_at)
            select e.type, e.trade_no, e.pay_trade_no, e.uid, e.create_time, e.refund_time, e.add_time, e.amount, e.product_id, e.app_id,
                   e.publisher_id, e.commission_bps, e.source, e.ordinal, clock.position, clock.at
            from clock, unnest(
                \(events.map(\.event.kind.rawValue)), \(events.map(\.event.tradeNumber)), \(events.map(\.event.payTradeNumber)),
                \(events.map(\.event.uid)), \(events.map(\.event.createTime)), \(events.map(\.event.identity.refundTime)),
                \(events.map(\.event.addTime)), \(events.map(\.event.amount)), \(events.map(\.product.productID)), \(events.map(\.product.appID)),
                \(events.map(\.publisherID)), \(events.map(\.product.commissionBps)), \(events.map(\.source.rawValue)), \(events.map(\.ordinal)))
                as e (type, trade_no, pay_trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id,
                      commission_bps, source, ordinal)
            """
        ).execute
    }
}
