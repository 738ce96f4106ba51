import PGClient
import ProductCatalog

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
                \(events.map { $0.event.kind.rawValue }), \(events.map { $0.event.tradeNumber }), \(events.map { $0.event.payTradeNumber }),
                \(events.map { $0.event.uid }), \(events.map { $0.event.createTime }), \(events.map { $0.event.identity.refundTime }),
                \(events.map { $0.event.addTime }), \(events.map { $0.event.amount }), \(events.map { $0.product.productID }), \(events.map { $0.product.appID }),
                \(events.map { $0.publisherID }), \(events.map { $0.product.commissionBps }), \(events.map { $0.source.rawValue }), \(events.map { $0.ordinal }))
                as e (type, trade_no, pay_trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id,
                      commission_bps, source, ordinal)
            """
        ).execute
    }
}
