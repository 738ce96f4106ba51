import PGClient
import ProductCatalog
import ServiceLifecycle

/// What a subscriber holds on a resource at an instant.
public struct Entitlement: Sendable, Equatable {
    public let uid: UID
    public let resourceID: Resource.ID
    /// The instant that was asked for; the database's now when none was.
    public let at: Instant
    /// End of the paid time as of `at`; `.never` when none is held.
    public let payEndTime: Instant

    public var entitled: Bool { at < payEndTime }
}

/// Says who is entitled: from the stored window where it is the answer, from the events where an earlier instant is asked about.
///
/// Questions about now that arrive while a look-up is in flight share the next one.
public final class Entitlements: Service {
    private let database: PGClient
    private let lookups: PGBatcher<WindowKey, CurrentWindow>

    /// Keys of one look-up; past a few hundred a larger one gains nothing.
    static let maxLookup = 1_000
    /// Questions that may wait; more are refused at once.
    static let maxQueued = 20_000

    public init(_ database: PGClient) {
        self.database = database
        lookups = PGBatcher(label: "entitlements", maxBatch: Self.maxLookup, maxQueued: Self.maxQueued) { keys in
            do {
                return try await database.run(CurrentWindow.of(keys)).map { .success($0) }
            } catch {
                return keys.map { _ in .failure(error) }
            }
        }
    }

    public func run() async throws {
        try await lookups.run()
    }

    /// - Parameters:
    ///   - at: the instant in question; nil for the database's now.
    ///   - knownAt: looks only at what we had recorded by then; nil for all that is known.
    public func of(_ uid: UID, on resource: Resource.ID, at: Instant? = nil, knownAt: Instant? = nil) async throws -> Entitlement {
        let key = WindowKey(resourceID: resource, uid: uid)
        if knownAt == nil {
            let window = try await lookups.submit(key)
            let instant = at ?? window.now
            if window.state.lastEventTime <= instant {
                return Entitlement(uid: uid, resourceID: resource, at: instant, payEndTime: window.state.payEndTime)
            }
            return try await folded([uid], on: resource, at: instant, knownAt: nil)[0]
        }
        return try await of([uid], on: resource, at: at, knownAt: knownAt).all[0]
    }

    /// Many subscribers at one instant, in the order asked.
    public func of(
        _ uids: [UID], on resource: Resource.ID, at: Instant? = nil, knownAt: Instant? = nil
    ) async throws -> (at: Instant, all: [Entitlement]) {
        if let knownAt {
            let instant = if let at { at } else { try await database.run(SQL("select now_ms()").value(Instant.self)) }
            return (instant, try await folded(uids, on: resource, at: instant, knownAt: knownAt))
        }
        let windows = try await database.run(CurrentWindow.of(uids.map { WindowKey(resourceID: resource, uid: $0) }))
        let instant = at ?? windows.first?.now ?? .never
        var all = zip(uids, windows).map { uid, window in
            Entitlement(uid: uid, resourceID: resource, at: instant, payEndTime: window.state.payEndTime)
        }
        let early = windows.indices.filter { windows[$0].state.lastEventTime > instant }
        if !early.isEmpty {
            let folds = try await folded(early.map { uids[$0] }, on: resource, at: instant, knownAt: nil)
            for (index, entitlement) in zip(early, folds) { all[index] = entitlement }
        }
        return (instant, all)
    }

    /// The fold of the events up to an instant: what the stored windows are a cache of.
    private func folded(_ uids: [UID], on resource: Resource.ID, at: Instant, knownAt: Instant?) async throws -> [Entitlement] {
        let keys = Set(uids).map { WindowKey(resourceID: resource, uid: $0) }.sorted()
        var events: [UID: [PaymentEvent]] = [:]
        for past in try await database.run(WindowEvent.history(of: keys, until: at, knownAt: knownAt)) {
            events[past.key.uid, default: []].append(past.event)
        }
        return uids.map { uid in
            Entitlement(uid: uid, resourceID: resource, at: at, payEndTime: PaidWindow(folding: events[uid] ?? []).payEndTime)
        }
    }

    /// Why a window is what it is, as of an instant and as known at one.
    public func explain(
        _ uid: UID, on resource: Resource.ID, at: Instant? = nil, knownAt: Instant? = nil
    ) async throws -> (at: Instant, explanation: Explanation) {
        let instant = if let at { at } else { try await database.run(SQL("select now_ms()").value(Instant.self)) }
        // Without an instant all events count, also one whose clock runs ahead of ours.
        let events = try await database.run(
            WindowEvent.history(of: [WindowKey(resourceID: resource, uid: uid)], until: at ?? .last, knownAt: knownAt))
        return (instant, Explanation(of: events.map(\.recorded)))
    }
}

/// A stored window, empty where there is none, and the database's clock.
struct CurrentWindow: PGRowDecodable, Sendable {
    let state: WindowState
    let now: Instant

    init(row: PGRow) throws(PGError) {
        let (payEndTime, lastEventTime): (Instant, Instant)
        (payEndTime, lastEventTime, now) = try row.decode()
        state = WindowState(payEndTime: payEndTime, lastEventTime: lastEventTime, payments: 0, unmatched: 0)
    }

    /// The windows of these keys in their order.
    static func of(_ keys: [WindowKey]) -> Query<[CurrentWindow]> {
        SQL(
            """
            with clock as materialized (select now_ms() as now)
            select coalesce(w.pay_end_time, 0), coalesce(w.last_event_time, 0), clock.now
            from clock, unnest(\(keys.map(\.resourceID)), \(keys.map(\.uid))) with ordinality k (resource_id, uid, n)
            left join paid_window w on w.resource_id = k.resource_id and w.uid = k.uid collate "C"
            order by k.n
            """
        ).all()
    }
}

extension WindowEvent {
    /// The events of these windows up to an instant, as known at one.
    static func history(of keys: [WindowKey], until: Instant, knownAt: Instant?) -> Query<[WindowEvent]> {
        SQL(
            """
            select k.resource_id, \(RecordedEvent.columns)
            from unnest(\(keys.map(\.resourceID)), \(keys.map(\.uid))) as k (resource_id, uid)
            join payment_event e on e.uid = k.uid collate "C"
            join product_resource b on b.product_id = e.product_id and b.resource_id = k.resource_id
            where e.create_time <= \(until)
              and e.recorded_at <= coalesce(\(knownAt), 9223372036854775807)
            """
        ).all()
    }
}
