import PGClient
import ProductCatalog

/// A stored window with its key.
struct StoredWindow: PGRowDecodable, Sendable {
    let key: WindowKey
    let state: WindowState

    init(row: PGRow) throws(PGError) {
        let (resourceID, uid, payEndTime, lastEventTime, payments, unmatched): (Resource.ID, UID, Instant, Instant, Int, Int)
        (resourceID, uid, payEndTime, lastEventTime, payments, unmatched) = try row.decode()
        key = WindowKey(resourceID: resourceID, uid: uid)
        state = WindowState(payEndTime: payEndTime, lastEventTime: lastEventTime, payments: payments, unmatched: unmatched)
    }
}

extension WindowState {
    /// The windows that there are of these keys, locked until the end of the transaction in key order, which keeps two batches from waiting for
    /// each other crosswise.
    static func locked(_ keys: [WindowKey]) -> Query<[(WindowKey, WindowState)]> {
        let rows: Query<[StoredWindow]> = SQL(
            """
            select w.resource_id, w.uid, w.pay_end_time, w.last_event_time, w.payments, w.unmatched
            from unnest(\(keys.map(\.resourceID)), \(keys.map(\.uid))) as k (resource_id, uid)
            join paid_window w on w.resource_id = k.resource_id and w.uid = k.uid collate "C"
            order by w.resource_id, w.uid
            for update of w
            """
        ).all()
        return rows.map { rows in rows.map { ($0.key, $0.state) } }
    }

    /// Makes windows strictly: one that another process made meanwhile makes the statement fail, and the batch is decided anew.
    static func insert(_ windows: [(key: WindowKey, state: WindowState)]) -> Query<Int> {
        SQL(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            select resource_id, uid, pay_end_time, last_event_time, payments, unmatched
            from unnest(\(windows.map(\.key.resourceID)), \(windows.map(\.key.uid)), \(windows.map(\.state.payEndTime)),
                        \(windows.map(\.state.lastEventTime)), \(windows.map(\.state.payments)), \(windows.map(\.state.unmatched)))
                as w (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            """
        ).execute
    }

    /// Writes windows that are locked.
    static func update(_ windows: [(key: WindowKey, state: WindowState)]) -> Query<Int> {
        SQL(
            """
            update paid_window w
            set pay_end_time = n.pay_end_time, last_event_time = n.last_event_time, payments = n.payments, unmatched = n.unmatched
            from unnest(\(windows.map(\.key.resourceID)), \(windows.map(\.key.uid)), \(windows.map(\.state.payEndTime)),
                        \(windows.map(\.state.lastEventTime)), \(windows.map(\.state.payments)), \(windows.map(\.state.unmatched)))
                as n (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            where w.resource_id = n.resource_id and w.uid = n.uid collate "C"
            """
        ).execute
    }
}

/// An event with one of the windows that it belongs to.
struct WindowEvent: PGRowDecodable, Sendable {
    let key: WindowKey
    let recorded: RecordedEvent

    var event: PaymentEvent { recorded.event }

    init(row: PGRow) throws(PGError) {
        let (resourceID, kind, source, ordinal, commission): (Resource.ID, Int16, Int16, Int, Int)
        let (tradeNumber, payTradeNumber, uid): (TradeNumber, TradeNumber?, UID)
        let (createTime, addTime, amount, productID, appID): (Instant, TimeSpan, Money, MessageProduct.ID, App.ID)
        let (recordedAt, commit): (Instant, Int64)
        (
            resourceID, kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID, appID, source, commission,
            recordedAt,
            commit, ordinal
        ) = try row.decode()
        guard let kind = PaymentEvent.Kind(rawValue: kind), let source = RecordedEvent.Source(rawValue: source) else {
            throw .decoding("payment_event.type or source")
        }
        key = WindowKey(resourceID: resourceID, uid: uid)
        recorded = RecordedEvent(
            event: PaymentEvent(
                kind: kind, tradeNumber: tradeNumber, payTradeNumber: payTradeNumber, uid: uid, createTime: createTime, addTime: addTime,
                amount: amount, productID: productID),
            appID: appID, source: source, commissionBps: commission, recordedAt: recordedAt,
            position: EventPosition(commit: commit, ordinal: ordinal))
    }

    /// All events of these windows.
    static func history(of keys: [WindowKey]) -> Query<[WindowEvent]> {
        SQL(
            """
            select k.resource_id, \(RecordedEvent.columns)
            from unnest(\(keys.map(\.resourceID)), \(keys.map(\.uid))) as k (resource_id, uid)
            join payment_event e on e.uid = k.uid collate "C"
            join product_resource b on b.product_id = e.product_id and b.resource_id = k.resource_id
            """
        ).all()
    }
}
