import PGClient
import ProductCatalog

/// A stored window with its key.
struct StoredWindow: Sendable {
    let key: WindowKey
    var state: WindowState
    /// How often it has been written: who writes it says which one he has read.
    let version: Int64
}

extension StoredWindow: PGRowDecodable {
    /// The columns that `init(row:)` reads, of paid_window w.
    static let columns: SQL = "w.resource_id, w.uid, w.pay_end_time, w.last_event_time, w.run_start, w.payments, w.unmatched, w.version"

    init(row: PGRow) throws(PGError) {
        let (resourceID, uid): (Resource.ID, UID)
        let (payEndTime, lastEventTime, runStart): (Instant, Instant, Instant)
        let (payments, unmatched): (Int, Int)
        let version: Int64
        (resourceID, uid, payEndTime, lastEventTime, runStart, payments, unmatched, version) = try row.decode()
        self.init(
            key: WindowKey(resourceID: resourceID, uid: uid),
            state: WindowState(
                payEndTime: payEndTime, lastEventTime: lastEventTime, runStart: runStart, payments: payments, unmatched: unmatched),
            version: version)
    }
}

extension WindowState {
    /// The windows that there are of these keys. Key by key (offset 0), whatever the planner believes of a table that was never analyzed.
    static func of(_ keys: [WindowKey]) -> Query<[WindowKey: StoredWindow]> {
        let rows: Query<[StoredWindow]> = SQL(
            """
            select \(StoredWindow.columns)
            from unnest(\(keys.map { $0.resourceID }), \(keys.map { $0.uid })) as k (resource_id, uid)
            cross join lateral (
                select * from paid_window s where s.resource_id = k.resource_id and s.uid = k.uid collate "C" offset 0
            ) as w
            """
        ).all()
        return rows.map(byKey)
    }

    /// The same, locked until the end of the transaction in key order, which keeps two batches from waiting for each other crosswise.
    static func locked(_ keys: [WindowKey]) -> Query<[WindowKey: StoredWindow]> {
        let rows: Query<[StoredWindow]> = SQL(
            """
            select \(StoredWindow.columns)
            from unnest(\(keys.map { $0.resourceID }), \(keys.map { $0.uid })) as k (resource_id, uid)
            join paid_window w on w.resource_id = k.resource_id and w.uid = k.uid collate "C"
            order by w.resource_id, w.uid
            for update of w
            """
        ).all()
        return rows.map(byKey)
    }

    private static func byKey(_ rows: [StoredWindow]) -> [WindowKey: StoredWindow] {
        Dictionary(rows.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// Makes windows strictly: one that another process made meanwhile makes the statement fail, and the batch is decided anew.
    static func insert(_ windows: [(key: WindowKey, state: WindowState)]) -> Query<Int> {
        SQL(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, run_start, payments, unmatched)
            select resource_id, uid, pay_end_time, last_event_time, run_start, payments, unmatched
            from unnest(\(windows.map { $0.key.resourceID }), \(windows.map { $0.key.uid }), \(windows.map { $0.state.payEndTime }),
                        \(windows.map { $0.state.lastEventTime }), \(windows.map { $0.state.runStart }), \(windows.map { $0.state.payments }), \(windows.map { $0.state.unmatched }))
                as w (resource_id, uid, pay_end_time, last_event_time, run_start, payments, unmatched)
            """
        ).execute
    }

    /// Writes the next states of windows that were read. One that another process wrote since has another version than was read, which makes its next
    /// version null and the statement fail (23502), and the batch is decided anew.
    ///
    /// Each of them is there, so nothing is inserted. An UPDATE … FROM would say it plainer, but a join takes the rows in whatever order the planner
    /// likes, and two batches that write the same windows in two orders wait for each other; this takes them one by one as they are given.
    static func update(_ windows: [StoredWindow]) -> Query<Int> {
        SQL(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, run_start, payments, unmatched, version)
            select resource_id, uid, pay_end_time, last_event_time, run_start, payments, unmatched, version + 1
            from unnest(\(windows.map { $0.key.resourceID }), \(windows.map { $0.key.uid }), \(windows.map { $0.state.payEndTime }),
                        \(windows.map { $0.state.lastEventTime }), \(windows.map { $0.state.runStart }), \(windows.map { $0.state.payments }), \(windows.map { $0.state.unmatched }),
                        \(windows.map { $0.version }))
                as w (resource_id, uid, pay_end_time, last_event_time, run_start, payments, unmatched, version)
            on conflict (resource_id, uid) do update
            set pay_end_time = excluded.pay_end_time, last_event_time = excluded.last_event_time, run_start = excluded.run_start,
                payments = excluded.payments, unmatched = excluded.unmatched,
                version = case when paid_window.version = excluded.version - 1 then excluded.version end
            """
        ).execute
    }
}
