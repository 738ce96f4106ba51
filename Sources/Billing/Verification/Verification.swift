import PGClient
import ProductCatalog

/// Re-derives every stored window from the events, and counts what does not agree.
public struct Verification: Sendable {
    /// A window that is not what its events make it.
    public struct Drift: Sendable, Equatable {
        public let resourceID: Resource.ID
        public let uid: UID
        public let stored: WindowState?
        public let derived: WindowState?
    }

    public private(set) var events = 0
    public private(set) var windows = 0
    /// Refunds whose payment is not known, in windows; they count, and are worth a look.
    public private(set) var unmatched = 0
    public private(set) var driftCount = 0
    /// The first of them.
    public private(set) var drifts: [Drift] = []

    /// Drifts that are kept to be shown.
    private static let shown = 20

    public var agrees: Bool { driftCount == 0 }

    /// Reads all events and all windows once, from one snapshot of the database; memory is that of one subscriber and two batches.
    public static func run(on database: PGClient, progress: @escaping @Sendable (Int) -> Void = { _ in }) async throws -> Verification {
        try await database.transaction(.repeatableRead, readOnly: true) { transaction in
            try await transaction.stream(allEvents, as: WindowEvent.self, batch: 5_000) { events in
                try await transaction.stream(allWindows, as: StoredWindow.self, batch: 5_000) { windows in
                    try await compare(events, windows, progress)
                }
            }
        }
    }

    private static func compare(
        _ events: PGRows<WindowEvent>, _ windows: PGRows<StoredWindow>, _ progress: @Sendable (Int) -> Void
    ) async throws -> Verification {
        var verification = Verification()
        var eventIterator = events.makeAsyncIterator()
        var windowIterator = windows.makeAsyncIterator()
        var event = try await eventIterator.next()
        var window = try await windowIterator.next()
        while let uid = [event?.event.uid, window?.key.uid].compactMap({ $0 }).min() {
            var derived: [WindowKey: [PaymentEvent]] = [:]
            var stored: [WindowKey: WindowState] = [:]
            while let current = event, current.event.uid == uid {
                derived[current.key, default: []].append(current.event)
                verification.events += 1
                event = try await eventIterator.next()
            }
            while let current = window, current.key.uid == uid {
                stored[current.key] = current.state
                verification.windows += 1
                window = try await windowIterator.next()
            }
            verification.compare(derived.mapValues { WindowState(folding: $0) }, stored)
            progress(verification.events)
        }
        return verification
    }

    private mutating func compare(_ derived: [WindowKey: WindowState], _ stored: [WindowKey: WindowState]) {
        for key in Set(derived.keys).union(stored.keys) {
            unmatched += derived[key]?.unmatched ?? 0
            guard !Self.agree(stored[key], derived[key]) else { continue }
            driftCount += 1
            if drifts.count < Self.shown {
                drifts.append(Drift(resourceID: key.resourceID, uid: key.uid, stored: stored[key], derived: derived[key]))
            }
        }
    }

    /// That only the fold can tell is never wrong of a window, if dear.
    private static func agree(_ stored: WindowState?, _ derived: WindowState?) -> Bool {
        guard var stored, let derived else { return stored == derived }
        if stored.plainSince == .never { stored.plainSince = derived.plainSince }
        return stored == derived
    }

    /// Every event once for each window that it belongs to.
    static let allEvents: SQL = """
        select \(WindowEvent.columns)
        from payment_event e
        join product_resource b on b.product_id = e.product_id
        order by e.uid
        """

    static let allWindows: SQL = """
        select \(StoredWindow.columns)
        from paid_window w
        order by w.uid
        """
}
