import PGClient
import ProductCatalog

/// Who a message about a resource may reach: those who hold paid time, those who once paid and hold none, or both.
///
/// Subscribers without a follow who never paid are nobody's audience yet.
public struct Audience: Sendable {
    public enum Mode: String, Sendable, CaseIterable {
        case paid
        case unpaid
        case all
    }

    public struct Member: Sendable, Equatable {
        public let uid: UID
        public let payEndTime: Instant
    }

    public let resourceID: Resource.ID
    public let mode: Mode
    /// Nil for the database's now.
    public let at: Instant?
    /// Nil for all that is known.
    public let knownAt: Instant?

    public init(of resource: Resource.ID, mode: Mode, at: Instant? = nil, knownAt: Instant? = nil) {
        resourceID = resource
        self.mode = mode
        self.at = at
        self.knownAt = knownAt
    }

    func holds(_ state: WindowState, at instant: Instant) -> Bool {
        guard state.payments > 0 else { return false }
        return switch mode {
        case .paid: instant < state.payEndTime
        case .unpaid: instant >= state.payEndTime
        case .all: true
        }
    }
}

extension Audience {
    /// Streams the members by uid (in byte order), in batches, from one snapshot of the database; memory is that of one batch.
    public func stream<R: Sendable>(from database: PGClient, _ body: (Instant, AudienceBatches) async throws -> R) async throws -> R {
        try await database.transaction(.repeatableRead, readOnly: true) { transaction in
            let now = try await transaction.run(SQL("select now_ms()").value(Instant.self))
            let instant = at ?? now
            return try await transaction.stream(windows(at: instant), as: StoredWindow.self, batch: 5_000) { rows in
                try await body(instant, AudienceBatches(audience: self, instant: instant, transaction: transaction, windows: rows.batches))
            }
        }
    }

    /// The number of members.
    public func count(in database: PGClient) async throws -> (at: Instant, count: Int) {
        try await stream(from: database) { instant, batches in
            var count = 0
            for try await batch in batches { count += batch.count }
            return (instant, count)
        }
    }

    /// The windows that may hold a member: those whose stored state says so, and those that have to be folded to know.
    private func windows(at instant: Instant) -> SQL {
        SQL(
            """
            select resource_id, uid, pay_end_time, last_event_time, payments, unmatched
            from paid_window
            where resource_id = \(resourceID)
              and payments > 0
              and (\(knownAt != nil) or last_event_time > \(instant)
                   or (\(mode != .paid) or pay_end_time > \(instant)) and (\(mode != .unpaid) or pay_end_time <= \(instant)))
            order by uid
            """)
    }

    /// Whether the stored state is the answer: nothing was folded into it that lies after the instant, and all that is known counts.
    func isCurrent(_ state: WindowState, at instant: Instant) -> Bool {
        knownAt == nil && state.lastEventTime <= instant
    }
}

/// The members in batches by uid.
public struct AudienceBatches: AsyncSequence {
    public typealias Element = [Audience.Member]

    let audience: Audience
    let instant: Instant
    let transaction: PGTransaction
    let windows: PGRowBatches<StoredWindow>

    public func makeAsyncIterator() -> Iterator {
        Iterator(batches: self, windows: windows.makeAsyncIterator())
    }

    public struct Iterator: AsyncIteratorProtocol {
        let batches: AudienceBatches
        var windows: PGRowBatches<StoredWindow>.Iterator

        public mutating func next() async throws -> [Audience.Member]? {
            guard let rows = try await windows.next() else { return nil }
            let folded = try await batches.folded(rows)
            return rows.compactMap { row in
                let state = folded[row.key] ?? row.state
                guard batches.audience.holds(state, at: batches.instant) else { return nil }
                return Audience.Member(uid: row.key.uid, payEndTime: state.payEndTime)
            }
        }
    }

    /// The states, as of the instant, of those windows whose stored state is not the answer.
    private func folded(_ rows: [StoredWindow]) async throws -> [WindowKey: WindowState] {
        let keys = rows.filter { !audience.isCurrent($0.state, at: instant) }.map(\.key)
        guard !keys.isEmpty else { return [:] }
        var events: [WindowKey: [PaymentEvent]] = [:]
        for past in try await transaction.run(WindowEvent.history(of: keys, until: instant, knownAt: audience.knownAt)) {
            events[past.key, default: []].append(past.event)
        }
        return Dictionary(keys.map { ($0, WindowState(folding: events[$0] ?? [])) }, uniquingKeysWith: { first, _ in first })
    }
}
