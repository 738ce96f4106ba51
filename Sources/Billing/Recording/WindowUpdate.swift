import PGClient
import ProductCatalog

/// The windows that new events move: from what they were to what they become.
struct WindowUpdate {
    private let accepted: [AcceptedEvent]
    private let keys: [WindowKey]
    private let stored: [PlacedWindow?]
    /// What was recorded of the trades that the new events are or name.
    private let trades: [TradeNumber: [PaymentEvent]]
    /// By the place of a window in `keys`: the new events that touch it, as places in `accepted`. None for one that only what was not accepted would touch.
    private let touching: EventsOfWindows

    /// - Parameters:
    ///   - touched: the windows that the judged submissions touch.
    ///   - windows: what is stored of them, in the order of their keys.
    ///   - known: recorded events, among them all of the trades that the new events are or name.
    /// - Throws: `UnmovedWindow`.
    init(_ judgement: Judgement, touching touched: TouchedWindows, windows: [PlacedWindow?], known: [PaymentEvent]) throws {
        accepted = judgement.accepted
        keys = touched.keys
        stored = windows
        trades = Dictionary(grouping: known, by: { $0.namedPayment })
        touching = EventsOfWindows(judgement, touching: touched)
        guard touching.count == accepted.reduce(0, { $0 + $1.product.resourceIDs.count }) else { throw UnmovedWindow() }
    }

    /// What inserts the events and writes the windows, in order.
    struct Writes {
        static let none = Writes(changes: [], new: [], queries: [])

        fileprivate let changes: [WindowState.Change]
        fileprivate let new: [(key: WindowKey, state: WindowState)]
        /// First the one that writes the changes, if there are any, and then the one that makes the new windows, if there are any.
        let queries: [Query<[RowPlace]>]

        /// The windows as they are now, of what the queries answered.
        func written(_ answers: [[RowPlace]]) -> [(WindowKey, PlacedWindow)] {
            var answers = answers[...]
            let changed = changes.isEmpty ? [] : answers.removeFirst()
            let made = new.isEmpty ? [] : answers.removeFirst()
            return zip(changes, changed).map { ($0.key, PlacedWindow(state: $0.to, version: $0.from.version + 1, place: $1)) }
                + zip(new, made).map { ($0.key, PlacedWindow(state: $0.state, version: 0, place: $1)) }
        }
    }

    /// What is to be written. It fails where another process wrote one of the windows since they were read.
    func writes(in transaction: PGTransaction) async throws -> Writes {
        let next = try await folded(in: transaction)
        var changes: [WindowState.Change] = []
        var new: [(key: WindowKey, state: WindowState)] = []
        for (place, state) in next.enumerated() {
            guard let state else { continue }
            if let stored = stored[place] {
                changes.append(WindowState.Change(key: keys[place], from: stored, to: state))
            } else {
                new.append((keys[place], state))
            }
        }
        // One order for all, so that no two batches wait for each other crosswise: windows that there are, as a batch that locks takes them first, then
        // those to be made, then events; each in the order of the key.
        var queries: [Query<[RowPlace]>] = []
        if !changes.isEmpty { queries.append(WindowState.update(changes)) }
        if !new.isEmpty { queries.append(WindowState.insert(new)) }
        queries.append(AcceptedEvent.insert(inOrderOfKey).map { _ in [] })
        return Writes(changes: changes, new: new, queries: queries)
    }

    /// The accepted events in the order of the key that keeps them apart. Their places are sorted: the events are large to move.
    private var inOrderOfKey: [AcceptedEvent] {
        let numbers = accepted.map { $0.event.identity }
        return numbers.indices.sorted { numbers[$0] < numbers[$1] }.map { accepted[$0] }
    }

    /// The next state of each window that is touched: by the short path where it is what the fold says, by the fold of all events elsewhere.
    private func folded(in transaction: PGTransaction) async throws -> [WindowState?] {
        var next = [WindowState?](repeating: nil, count: keys.count)
        var slow: [Int] = []
        for place in keys.indices {
            let events = touching[place]
            if events.isEmpty { continue }
            if let state = shortPath(from: stored[place]?.state ?? .empty, events) {
                next[place] = state
            } else if stored[place] == nil {
                next[place] = WindowState(folding: events.map { accepted[$0].event })
            } else {
                slow.append(place)
            }
        }
        guard !slow.isEmpty else { return next }
        let history = try await transaction.run(WindowEvent.history(of: slow.map { keys[$0] }))
        for place in slow { next[place] = WindowState(folding: (history[keys[place]] ?? []) + touching[place].map { accepted[$0].event }) }
        return next
    }

    private func shortPath(from state: WindowState, _ places: ArraySlice<Int>) -> WindowState? {
        if places.count == 1, let place = places.first {
            let event = accepted[place].event
            return trade(of: event, applied: []).flatMap { state.appending(event, trade: $0) }
        }
        // The order that asks least of the short path; any order that it answers in is right.
        let events = places.map { accepted[$0].event }.sorted { left, right in
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

/// An event would be recorded without a window that its product bundles. Nothing that is sent can make it so; a mistake of ours would, and then nothing
/// is recorded rather than a payment that buys nothing.
struct UnmovedWindow: Error {}

extension PaymentEvent.Identity: Comparable {
    public static func < (left: Self, right: Self) -> Bool {
        left.tradeNumber == right.tradeNumber ? left.refundTime < right.refundTime : left.tradeNumber < right.tradeNumber
    }
}
