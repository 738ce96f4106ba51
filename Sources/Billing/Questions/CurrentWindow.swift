import PGClient
import ProductCatalog

/// A stored window, empty where there is none, and the database's clock.
struct CurrentWindow: PGRowDecodable, Sendable {
    let state: WindowState
    let now: Instant

    init(row: PGRow) throws(PGError) {
        let (payEndTime, lastEventTime, now): (Instant, Instant, Instant) = try row.decode()
        self.init(payEndTime: payEndTime, lastEventTime: lastEventTime, now: now)
    }

    fileprivate init(payEndTime: Instant, lastEventTime: Instant, now: Instant) {
        state = WindowState(payEndTime: payEndTime, lastEventTime: lastEventTime, plainSince: .never, payments: 0, unmatched: 0)
        self.now = now
    }

    /// The windows of these keys in their order.
    static func of(_ keys: [WindowKey]) -> Query<[CurrentWindow]> {
        selected("", of: keys).all()
    }

    /// The same, and which of these tokens still belong to somebody, by their places.
    static func of(_ keys: [WindowKey], holding tokens: [TokenDigest]) -> Query<(windows: [CurrentWindow], held: [Int])> {
        // Found once, and said once, with the first window.
        selected(", case when k.n = 1 then \(Principal.held(tokens)) end", of: keys).all(AskedWindow.self).map { rows in
            (rows.map { $0.window }, (rows.first?.held ?? []).map { Int($0) - 1 })
        }
    }

    private static func selected(_ more: SQL, of keys: [WindowKey]) -> SQL {
        """
        with clock as materialized (select now_ms() as now)
        select coalesce(w.pay_end_time, 0), coalesce(w.last_event_time, 0), clock.now\(more)
        from clock, (
            select unnest(\(keys.map { $0.resourceID })) as resource_id, unnest(\(keys.map { $0.uid })) as uid, generate_series(bigint '1', \(keys.count)) as n
        ) as k
        left join lateral (
            select * from paid_window s where s.resource_id = k.resource_id and s.uid = k.uid collate "C" offset 0
        ) as w on true
        order by k.n
        """
    }
}

/// A window, and with the first one the tokens that were asked with it.
private struct AskedWindow: PGRowDecodable, Sendable {
    let window: CurrentWindow
    let held: [Int64]?

    init(row: PGRow) throws(PGError) {
        let (payEndTime, lastEventTime, now): (Instant, Instant, Instant)
        (payEndTime, lastEventTime, now, held) = try row.decode()
        window = CurrentWindow(payEndTime: payEndTime, lastEventTime: lastEventTime, now: now)
    }
}
