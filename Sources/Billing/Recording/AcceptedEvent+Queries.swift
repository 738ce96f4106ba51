import PGClient
import ProductCatalog

extension AcceptedEvent {
    /// Inserts strictly: an event that another process recorded meanwhile makes the statement fail, and the batch is decided anew.
    ///
    /// Arrays unnested beside each other in `select` go row by row; in `from` each would be written to a table of its own first, which costs as much as a
    /// sixth of the insertion.
    static func insert(_ events: [AcceptedEvent]) -> Query<Int> {
        SQL(
            """
            with clock as materialized (
                select commit_position() as position, now_ms() as at
            )
            insert into payment_event (
                type, trade_no, pay_trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps,
                source, ordinal, commit_position, recorded_at)
            select e.*, clock.position, clock.at
            from clock, (
                select unnest(\(events.map { $0.event.kind.rawValue })), unnest(\(events.map { $0.event.tradeNumber })),
                       unnest(\(events.map { $0.event.payTradeNumber })), unnest(\(events.map { $0.event.uid })), unnest(\(events.map { $0.event.createTime })),
                       unnest(\(events.map { $0.event.identity.refundTime })), unnest(\(events.map { $0.event.addTime })),
                       unnest(\(events.map { $0.event.amount })), unnest(\(events.map { $0.product.productID })), unnest(\(events.map { $0.product.appID })),
                       unnest(\(events.map { $0.publisherID })), unnest(\(events.map { $0.product.commissionBps })), unnest(\(events.map { $0.source.rawValue })),
                       unnest(\(events.map { $0.ordinal }))
            ) as e
            """
        ).execute
    }
}
