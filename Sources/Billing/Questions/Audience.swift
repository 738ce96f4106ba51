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
    public func stream<R: Sendable>(
        from database: PGClient, _ body: (Instant, AudienceBatches) async throws -> R
    ) async throws -> R {
        try await database.transaction(.repeatableRead, readOnly: true) { transaction in
            let (now, early) = try await transaction.run(SQL("select now_ms()").value(Instant.self), hasEventsAfter(at))
            let instant = at ?? now
            // The stored windows are the answer where nothing was folded that lies after the instant. One range of them, and the odd one that has
            // a later event is folded; but where most have one, the past is asked about and all events are read in order.
            if knownAt == nil, !early {
                return try await transaction.stream(windows(at: instant), as: StoredWindow.self, batch: 5_000) { rows in
                    try await body(instant, AudienceBatches(audience: self, instant: instant, source: .windows(rows.batches)))
                }
            }
            return try await transaction.stream(events(until: instant), as: WindowEvent.self, batch: 5_000) { rows in
                try await body(instant, AudienceBatches(audience: self, instant: instant, source: .events(rows.batches)))
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

    /// Whether a window of the resource has an event after the instant; nil stands for now, which an event's clock may outrun.
    private func hasEventsAfter(_ instant: Instant?) -> Query<Bool> {
        SQL(
            """
            select exists (
                select from paid_window
                where resource_id = \(resourceID) and last_event_time > coalesce(\(instant), now_ms()))
            """
        ).value()
    }

    private func windows(at instant: Instant) -> SQL {
        """
        select resource_id, uid, pay_end_time, last_event_time, payments, unmatched
        from paid_window
        where resource_id = \(resourceID)
          and payments > 0
          and (\(mode != .paid) or pay_end_time > \(instant))
          and (\(mode != .unpaid) or pay_end_time <= \(instant))
        order by uid
        """
    }

    private func events(until instant: Instant) -> SQL {
        """
        select b.resource_id, \(RecordedEvent.columns)
        from product_resource b
        join payment_event e on e.product_id = b.product_id
        where b.resource_id = \(resourceID)
          and e.create_time <= \(instant)
          and e.recorded_at <= coalesce(\(knownAt), 9223372036854775807)
        order by e.uid
        """
    }
}

/// The members in batches, none of them empty, by uid.
public struct AudienceBatches: AsyncSequence {
    public typealias Element = [Audience.Member]

    enum Source {
        case windows(PGRowBatches<StoredWindow>)
        case events(PGRowBatches<WindowEvent>)
    }

    let audience: Audience
    let instant: Instant
    let source: Source

    public func makeAsyncIterator() -> Iterator {
        switch source {
        case .windows(let batches): Iterator(audience: audience, instant: instant, windows: batches.makeAsyncIterator(), events: nil)
        case .events(let batches): Iterator(audience: audience, instant: instant, windows: nil, events: batches.makeAsyncIterator())
        }
    }

    public struct Iterator: AsyncIteratorProtocol {
        let audience: Audience
        let instant: Instant
        var windows: PGRowBatches<StoredWindow>.Iterator?
        var events: PGRowBatches<WindowEvent>.Iterator?
        /// Events of the subscriber whose last ones may still come.
        var pending: [PaymentEvent] = []

        public mutating func next() async throws -> [Audience.Member]? {
            if windows != nil {
                return try await windows?.next()?.map { Audience.Member(uid: $0.key.uid, payEndTime: $0.state.payEndTime) }
            }
            while events != nil {
                var members: [Audience.Member] = []
                if let batch = try await events?.next() {
                    for row in batch {
                        if let last = pending.last, last.uid != row.event.uid { fold(into: &members) }
                        pending.append(row.event)
                    }
                } else {
                    events = nil
                    fold(into: &members)
                }
                if !members.isEmpty { return members }
            }
            return nil
        }

        private mutating func fold(into members: inout [Audience.Member]) {
            guard let uid = pending.first?.uid else { return }
            let state = WindowState(folding: pending)
            pending.removeAll(keepingCapacity: true)
            if audience.holds(state, at: instant) { members.append(Audience.Member(uid: uid, payEndTime: state.payEndTime)) }
        }
    }
}
