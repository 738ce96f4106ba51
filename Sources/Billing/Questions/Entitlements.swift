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
    private let lookups: PGBatcher<Question, (principal: Principal?, window: CurrentWindow)>

    /// What is asked about now: a window, and who asks where that is to be found out by the way.
    private struct Question: Sendable {
        let key: WindowKey
        let token: TokenDigest?
    }

    /// Keys of one look-up; past a few hundred a larger one gains nothing.
    static let maxLookup = 1_000
    /// Questions that may wait; more are refused at once.
    static let maxQueued = 20_000

    /// - Parameter lookups: the client that looks up single windows; nil for the same.
    public init(_ database: PGClient, lookups client: PGClient? = nil) {
        self.database = database
        let owners = KnownOwners()
        lookups = PGBatcher(label: "entitlements", maxBatch: Self.maxLookup, maxQueued: Self.maxQueued, onThreadsOf: client ?? database) {
            session, questions in
            do {
                return try await Self.answers(to: questions, in: session, owners)
            } catch {
                return questions.map { _ in .failure(error) }
            }
        }
    }

    /// What one round trip answers.
    private static func answers(
        to questions: [Question], in session: any PGSession, _ owners: KnownOwners
    ) async throws(PGError) -> [Result<(principal: Principal?, window: CurrentWindow), any Error>] {
        let keys = questions.map { $0.key }
        var tokens = DistinctTokens()
        let places = questions.map { tokens.place(of: $0.token) }
        let principals: [Principal?]
        let windows: [CurrentWindow]
        if let known = owners.of(tokens.all) {
            let held: [Int]
            (windows, held) = try await session.run(CurrentWindow.of(keys, holding: tokens.all))
            var still = [Principal?](repeating: nil, count: known.count)
            for place in held { still[place] = known[place] }
            principals = still
        } else {
            let found: [TokenDigest: Principal]
            (found, windows) = try await session.run(Principal.owners(of: tokens.all), CurrentWindow.of(keys))
            owners.add(found)
            principals = tokens.all.map { found[$0] }
        }
        return zip(places, windows).map { place, window in .success((place.flatMap { principals[$0] }, window)) }
    }

    public func run() async throws {
        try await lookups.run()
    }

    /// - Parameters:
    ///   - at: the instant in question; nil for the database's now.
    ///   - knownAt: looks only at what we had recorded by then; nil for all that is known.
    public func of(_ uid: UID, on resource: Resource.ID, at: Instant? = nil, knownAt: Instant? = nil) async throws -> Entitlement {
        guard knownAt == nil else { return try await of([uid], on: resource, at: at, knownAt: knownAt).all[0] }
        let window = try await lookups.submit(Question(key: WindowKey(resourceID: resource, uid: uid), token: nil)).window
        return try await entitlement(of: uid, on: resource, window, at: at)
    }

    /// The same, and who holds a token: both in one round trip. Whether the holder may have the answer is the caller's to decide.
    public func of(
        _ uid: UID, on resource: Resource.ID, at: Instant? = nil, askedWith token: TokenDigest
    ) async throws -> (principal: Principal?, entitlement: Entitlement) {
        let (principal, window) = try await lookups.submit(Question(key: WindowKey(resourceID: resource, uid: uid), token: token))
        return (principal, try await entitlement(of: uid, on: resource, window, at: at))
    }

    /// The same for a caller that is no task, where one look-up tells: `then` is called once, on whichever thread, and must be brief.
    ///
    /// - Parameter then: gets nil where the answer takes more than the look-up, or that failed: to be asked again as above.
    public func of(
        _ uid: UID, on resource: Resource.ID, at: Instant?, askedWith token: TokenDigest,
        then: @escaping @Sendable ((principal: Principal?, entitlement: Entitlement)?) -> Void
    ) {
        lookups.submit(Question(key: WindowKey(resourceID: resource, uid: uid), token: token)) { result in
            guard case .success((let principal, let window)) = result, window.state.lastEventTime <= at ?? window.now else {
                return then(nil)
            }
            then((principal, Entitlement(uid: uid, resourceID: resource, at: at ?? window.now, payEndTime: window.state.payEndTime)))
        }
    }

    private func entitlement(of uid: UID, on resource: Resource.ID, _ window: CurrentWindow, at: Instant?) async throws -> Entitlement {
        let instant = at ?? window.now
        guard window.state.lastEventTime > instant else {
            return Entitlement(uid: uid, resourceID: resource, at: instant, payEndTime: window.state.payEndTime)
        }
        return try await folded([uid], on: resource, at: instant, knownAt: nil)[0]
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
    ///
    /// - Throws: `NotSettled` when what was known then cannot be told yet.
    private func folded(_ uids: [UID], on resource: Resource.ID, at: Instant, knownAt: Instant?) async throws -> [Entitlement] {
        try await Settling.wait(for: knownAt, in: database)
        let keys = Set(uids).map { WindowKey(resourceID: resource, uid: $0) }.sorted()
        let events = try await database.run(WindowEvent.history(of: keys, until: at, knownAt: knownAt))
        return uids.map { uid in
            let window = PaidWindow(folding: events[WindowKey(resourceID: resource, uid: uid)] ?? [])
            return Entitlement(uid: uid, resourceID: resource, at: at, payEndTime: window.payEndTime)
        }
    }

    /// Why a window is what it is, as of an instant and as known at one.
    public func explain(
        _ uid: UID, on resource: Resource.ID, at: Instant? = nil, knownAt: Instant? = nil
    ) async throws -> (at: Instant, explanation: Explanation) {
        let instant = if let at { at } else { try await database.run(SQL("select now_ms()").value(Instant.self)) }
        try await Settling.wait(for: knownAt, in: database)
        let key = WindowKey(resourceID: resource, uid: uid)
        let events = try await database.run(RecordedEvent.history(of: key, until: instant, knownAt: knownAt))
        return (instant, Explanation(of: events))
    }
}

extension RecordedEvent {
    /// The events of a window up to an instant, as known at one.
    static func history(of key: WindowKey, until: Instant, knownAt: Instant?) -> Query<[RecordedEvent]> {
        SQL(
            """
            select \(columns)
            from product_resource b
            cross join lateral (
                select * from payment_event p where p.uid = \(key.uid) and p.product_id = b.product_id offset 0
            ) as e
            where b.resource_id = \(key.resourceID)
              and e.create_time <= \(until)
              and e.recorded_at <= coalesce(\(knownAt), 9223372036854775807)
            """
        ).all()
    }
}
