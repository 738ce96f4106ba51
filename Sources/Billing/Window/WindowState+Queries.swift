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
    typealias Columns = (Resource.ID, UID, Instant, Instant, Instant, Int, Int, Int64)

    /// The columns that `init(_:)` reads, of paid_window w.
    static let columns: SQL = "w.resource_id, w.uid, w.pay_end_time, w.last_event_time, w.plain_since, w.payments, w.unmatched, w.version"

    init(_ columns: Columns) {
        self.init(
            key: WindowKey(resourceID: columns.0, uid: columns.1),
            state: WindowState(
                payEndTime: columns.2, lastEventTime: columns.3, plainSince: columns.4, payments: columns.5, unmatched: columns.6),
            version: columns.7)
    }

    init(row: PGRow) throws(PGError) {
        try self.init(row.decode(Columns.self))
    }
}

/// What is stored of a window whose key is known, and where its row lies, which spares a search for it when it is written.
struct PlacedWindow: Equatable, Sendable {
    let state: WindowState
    /// How often it has been written.
    let version: Int64
    let place: RowPlace
}

/// A window that was found, and the number from 1 of the key that it was looked for by.
private struct FoundWindow: PGRowDecodable, Sendable {
    let number: Int
    let window: PlacedWindow

    static let columns: SQL = "w.pay_end_time, w.last_event_time, w.plain_since, w.payments, w.unmatched, w.version"

    init(row: PGRow) throws(PGError) {
        let (payEndTime, lastEventTime, plainSince): (Instant, Instant, Instant)
        let (payments, unmatched): (Int, Int)
        let (version, place): (Int64, RowPlace)
        (number, place, payEndTime, lastEventTime, plainSince, payments, unmatched, version) = try row.decode()
        let state = WindowState(
            payEndTime: payEndTime, lastEventTime: lastEventTime, plainSince: plainSince, payments: payments, unmatched: unmatched)
        window = PlacedWindow(state: state, version: version, place: place)
    }
}

extension WindowState {
    /// The windows of these keys in their order, nil where there is none. Key by key (offset 0), whatever the planner believes of a table that was never
    /// analyzed.
    static func of(_ keys: [WindowKey]) -> Query<[PlacedWindow?]> {
        SQL(
            """
            select k.n, w.place, \(FoundWindow.columns)
            from (
                select unnest(\(keys.map { $0.resourceID })) as resource_id, unnest(\(keys.map { $0.uid })) as uid,
                       generate_series(bigint '1', \(keys.count)) as n
            ) as k
            cross join lateral (
                select s.*, s.ctid as place from paid_window s where s.resource_id = k.resource_id and s.uid = k.uid collate "C" offset 0
            ) as w
            """
        ).all(FoundWindow.self).map { inOrder($0, of: keys) }
    }

    /// The same, locked until the end of the transaction in key order, which keeps two batches from waiting for each other crosswise.
    static func locked(_ keys: [WindowKey]) -> Query<[PlacedWindow?]> {
        SQL(
            """
            select k.n, w.ctid, \(FoundWindow.columns)
            from unnest(\(keys.map { $0.resourceID }), \(keys.map { $0.uid })) with ordinality as k (resource_id, uid, n)
            join paid_window w on w.resource_id = k.resource_id and w.uid = k.uid collate "C"
            order by w.uid, w.resource_id
            for update of w
            """
        ).all(FoundWindow.self).map { inOrder($0, of: keys) }
    }

    private static func inOrder(_ found: [FoundWindow], of keys: [WindowKey]) -> [PlacedWindow?] {
        var windows = [PlacedWindow?](repeating: nil, count: keys.count)
        for found in found { windows[found.number - 1] = found.window }
        return windows
    }

    /// Makes windows strictly: one that another process made meanwhile makes the statement fail, and the batch is decided anew. It answers where they lie, in
    /// the order given.
    static func insert(_ windows: [(key: WindowKey, state: WindowState)]) -> Query<[RowPlace]> {
        SQL(
            """
            with made as (
                insert into paid_window (resource_id, uid, pay_end_time, last_event_time, plain_since, payments, unmatched)
                select unnest(\(windows.map { $0.key.resourceID })), unnest(\(windows.map { $0.key.uid })), unnest(\(windows.map { $0.state.payEndTime })),
                       unnest(\(windows.map { $0.state.lastEventTime })), unnest(\(windows.map { $0.state.plainSince })),
                       unnest(\(windows.map { $0.state.payments })), unnest(\(windows.map { $0.state.unmatched }))
                returning ctid
            )
            select array_agg(ctid) from made
            """
        ).value()
    }

    /// A window as it was read or last written, and what it becomes.
    struct Change {
        let key: WindowKey
        let from: PlacedWindow
        let to: WindowState
    }

    /// Writes the next states of windows, each where it lies; it answers where they lie from now on, in the order given.
    ///
    /// Only if every one is still as it was: one that another process wrote since has gone from its place or has another version, and the statement fails
    /// (`SQLState.overtaken`), and the batch is decided anew. All of a window is compared, not only its version: what a database that was taken back
    /// in time or repaired by hand holds now may have the same one.
    ///
    /// Row by row in the order given: two batches that write the same windows in two orders would wait for each other. `is not distinct from` gives the
    /// planner nothing to join by but the place, and `EventRecorder.recordingSettings` no other way of joining than one row after another.
    static func update(_ changes: [Change]) -> Query<[RowPlace]> {
        SQL(
            """
            with written as (
                update paid_window w
                set pay_end_time = k.pay_end_time, last_event_time = k.last_event_time, plain_since = k.plain_since, payments = k.payments,
                    unmatched = k.unmatched, version = w.version + 1
                from (
                    select unnest(\(changes.map { $0.from.place })) as place, unnest(\(changes.map { $0.key.resourceID })) as resource_id,
                           unnest(\(changes.map { $0.key.uid })) as uid, unnest(\(changes.map { $0.from.version })) as was_version,
                           unnest(\(changes.map { $0.from.state.payEndTime })) as was_end_time,
                           unnest(\(changes.map { $0.from.state.lastEventTime })) as was_last_event_time,
                           unnest(\(changes.map { $0.from.state.plainSince })) as was_plain_since,
                           unnest(\(changes.map { $0.from.state.payments })) as was_payments,
                           unnest(\(changes.map { $0.from.state.unmatched })) as was_unmatched,
                           unnest(\(changes.map { $0.to.payEndTime })) as pay_end_time, unnest(\(changes.map { $0.to.lastEventTime })) as last_event_time,
                           unnest(\(changes.map { $0.to.plainSince })) as plain_since, unnest(\(changes.map { $0.to.payments })) as payments,
                           unnest(\(changes.map { $0.to.unmatched })) as unmatched
                ) as k
                where w.ctid = k.place
                  and (w.resource_id, w.uid, w.version, w.pay_end_time, w.last_event_time, w.plain_since, w.payments, w.unmatched)
                      is not distinct from (k.resource_id, k.uid collate "C", k.was_version, k.was_end_time, k.was_last_event_time, k.was_plain_since,
                                            k.was_payments, k.was_unmatched)
                returning w.ctid
            )
            select array_agg(ctid) from written having all_written(count(*), \(changes.count))
            """
        ).value()
    }
}

extension SQLState {
    /// Another process wrote a window between our look and our write (`all_written`, migration 5).
    static let overtaken = SQLState("MW001")
}
