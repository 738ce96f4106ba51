import PGClient
import ProductCatalog

/// The windows that new events move: from what they were to what they become.
struct WindowUpdate {
    private let accepted: [AcceptedEvent]
    private let stored: [WindowKey: PlacedWindow]
    /// What was recorded of the trades that the new events are or name.
    private let trades: [TradeNumber: [PaymentEvent]]
    private let touched: [WindowKey: [PaymentEvent]]

    /// - Parameters:
    ///   - windows: those that are stored, of those that the events touch.
    ///   - known: recorded events, among them all of the trades that the new events are or name.
    init(_ accepted: [AcceptedEvent], windows: [WindowKey: PlacedWindow], known: [PaymentEvent]) {
        self.accepted = accepted
        stored = windows
        trades = Dictionary(grouping: known, by: { $0.namedPayment })
        var touched: [WindowKey: [PaymentEvent]] = [:]
        for accepted in accepted {
            for resourceID in accepted.product.resourceIDs {
                touched[WindowKey(resourceID: resourceID, uid: accepted.event.uid), default: []].append(accepted.event)
            }
        }
        self.touched = touched
    }

    /// What inserts the events and writes the windows, in order.
    struct Writes {
        static let none = Writes(changes: [], queries: [])

        /// The windows that there were, which the first query writes, unless there are none.
        fileprivate let changes: [WindowState.Change]
        let queries: [Query<[RowPlace]>]

        /// The windows that there were as they are now, of what the queries answered.
        func written(_ answers: [[RowPlace]]) -> [PlacedWindow] {
            guard !changes.isEmpty, let places = answers.first else { return [] }
            return zip(changes, places).map { change, place in
                let was = change.from.window
                return PlacedWindow(StoredWindow(key: was.key, state: change.to, version: was.version + 1), at: place)
            }
        }
    }

    /// What is to be written. It fails where another process wrote one of the windows since they were read.
    func writes(in transaction: PGTransaction) async throws -> Writes {
        let next = try await folded(in: transaction)
        let keys = touched.keys.sorted()
        let changes = keys.compactMap { key in stored[key].map { WindowState.Change(from: $0, to: next[key] ?? .empty) } }
        let new = keys.filter { stored[$0] == nil }
        // One order for all, so that no two batches wait for each other crosswise: windows that there are, as a batch that locks takes them first, then
        // those to be made, then events; each in the order of the key.
        let events = accepted.sorted { $0.event.identity < $1.event.identity }
        var queries: [Query<[RowPlace]>] = []
        if !changes.isEmpty { queries.append(WindowState.update(changes)) }
        if !new.isEmpty { queries.append(WindowState.insert(new.map { ($0, next[$0] ?? .empty) }).map { _ in [] }) }
        queries.append(AcceptedEvent.insert(events).map { _ in [] })
        return Writes(changes: changes, queries: queries)
    }

    /// The next state of each touched window: by the short path where it is what the fold says, by the fold of all events elsewhere.
    private func folded(in transaction: PGTransaction) async throws -> [WindowKey: WindowState] {
        var next: [WindowKey: WindowState] = [:]
        var slow: [WindowKey] = []
        for (key, events) in touched {
            if let state = shortPath(from: stored[key]?.window.state ?? .empty, events) {
                next[key] = state
            } else if stored[key] == nil {
                next[key] = WindowState(folding: events)
            } else {
                slow.append(key)
            }
        }
        guard !slow.isEmpty else { return next }
        let history = try await transaction.run(WindowEvent.history(of: slow.sorted()))
        for key in slow { next[key] = WindowState(folding: (history[key] ?? []) + (touched[key] ?? [])) }
        return next
    }

    private func shortPath(from state: WindowState, _ events: [PaymentEvent]) -> WindowState? {
        guard events.count > 1 else { return trade(of: events[0], applied: []).flatMap { state.appending(events[0], trade: $0) } }
        // The order that asks least of the short path; any order that it answers in is right.
        let events = events.sorted { left, right in
            left.createTime == right.createTime ? left.kind.rawValue < right.kind.rawValue : left.createTime < right.createTime
        }
        var state = state
        for (index, event) in events.enumerated() {
            guard let trade = trade(of: event, applied: events[..<index]), let next = state.appending(event, trade: trade) else {
                return nil
            }
            state = next
        }
        return state
    }

    /// What the event's window knows of its trade: events of the same subscriber and product, recorded or applied just now. Nil where that cannot be
    /// told: another product may bundle other resources, and whether the window knows its events is for the fold to see.
    private func trade(of event: PaymentEvent, applied: ArraySlice<PaymentEvent>) -> WindowState.Trade? {
        var trade = WindowState.Trade(payment: nil, refunds: [])
        func add(_ other: PaymentEvent) -> Bool {
            guard other.uid == event.uid else { return true }
            guard other.productID == event.productID else { return false }
            if other.kind == .payment { trade.payment = other } else { trade.refunds.append(other) }
            return true
        }
        let number = event.namedPayment
        for other in trades[number] ?? [] where !add(other) { return nil }
        for other in applied where other.namedPayment == number && !add(other) { return nil }
        return trade
    }
}

extension PaymentEvent.Identity: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        left.tradeNumber == right.tradeNumber ? left.refundTime < right.refundTime : left.tradeNumber < right.tradeNumber
    }
}
