import PGClient
import ProductCatalog

extension AcceptedEvent {
    /// Inserts strictly: an event that another process recorded meanwhile makes the statement fail, and the batch is decided anew.
    ///
    /// Arrays unnested beside each other in `select` go row by row; in `from` each would be written to a table of its own first, which costs 11 to 18 %
    /// of the insertion.
    static func insert(_ events: [AcceptedEvent]) -> Query<Int> {
        SQL(
            """
            with clock as materialized (
                select commit_position() as position, now_ms() as at
            )
            insert into payment_event (
                type, trade_no, pay_trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps,
                source, ordinal, commit_position, recorded_at)
            select e.type, e.trade_no, e.pay_trade_no, e.uid, e.create_time, e.refund_time, e.add_time, e.amount, e.product_id, e.app_id, e.publisher_id,
                   e.commission_bps, e.source, e.ordinal, clock.position, clock.at
            from clock, (
                select unnest(\(events.map { $0.event.kind.rawValue })) as type, unnest(\(events.map { $0.event.tradeNumber })) as trade_no,
                       unnest(\(events.map { $0.event.payTradeNumber })) as pay_trade_no, unnest(\(events.map { $0.event.uid })) as uid,
                       unnest(\(events.map { $0.event.createTime })) as create_time,
                       unnest(\(events.map { $0.event.identity.refundTime })) as refund_time, unnest(\(events.map { $0.event.addTime })) as add_time,
                       unnest(\(events.map { $0.event.amount })) as amount, unnest(\(events.map { $0.product.productID })) as product_id,
                       unnest(\(events.map { $0.product.appID })) as app_id, unnest(\(events.map { $0.publisherID })) as publisher_id,
                       unnest(\(events.map { $0.product.commissionBps })) as commission_bps, unnest(\(events.map { $0.source.rawValue })) as source,
                       unnest(\(events.map { $0.ordinal })) as ordinal
            ) as e
            """
        ).execute
    }
}
