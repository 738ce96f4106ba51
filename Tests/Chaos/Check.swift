import TestSupport

/// What the database holds of a round, held against what was sent and what was acknowledged.
struct Check: Sendable {
    /// Acknowledged, and neither stored nor kept.
    var lost: [String] = []
    /// Stored or kept, and never sent.
    var invented: [String] = []
    /// Stored or kept more than once.
    var doubled: [String] = []
    /// Stored with another content than it was sent with; kept under another number than was said, or for another reason.
    var altered: [String] = []
    /// Windows that are not what the reference makes of the stored events.
    var wrongWindows: [String] = []
    var windows = 0
    /// Windows that a sum in the order of arrival would have got wrong.
    var misjudged: [Misjudged] = []
    var stored: Set<Message.Identity> = []
    /// The bytes that are in quarantine, each with its number.
    var kept: [String: Int64] = [:]

    struct Misjudged: Sendable {
        let key: Key
        let due: Int64
        let byArrival: Int64
    }

    /// What the reference made of which events: it is slow, and mostly asked the same twice.
    private var folds: [Key: (history: [Message], payEndTime: Int64)] = [:]

    /// Reads one snapshot and compares.
    ///
    /// - Parameter earlier: of the same round.
    init(_ journal: Journal, on stage: Stage, knowing earlier: Check? = nil) async throws {
        folds = earlier?.folds ?? [:]
        // Before the database is read: what is acknowledged later may be stored later.
        let (sent, acknowledged, acknowledgedKept) = (journal.sent, journal.acknowledged, journal.kept)
        let snapshot = try await Snapshot(of: journal.workload, on: stage)
        let names = Dictionary(zip(stage.market.productIds, [Message.bundle, Message.topicAlone])) { first, _ in first }
        var histories: [String: [Message]] = [:]
        for row in snapshot.events {
            let message = row.message(products: names)
            let identity = message.identity
            if !stored.insert(identity).inserted { doubled.append("\(identity)") }
            if let original = sent[identity] {
                if original.message != message { altered.append("\(identity)") }
            } else {
                invented.append("\(identity)")
            }
            histories[message.uid, default: []].append(message)
        }
        lost = acknowledged.subtracting(stored).map(\.description).sorted()
        compare(snapshot.kept, journal.offered, acknowledgedKept)
        compare(histories, snapshot.windows, stage.market)
    }

    private mutating func compare(_ rows: [Snapshot.Kept], _ offered: [String: Sending], _ acknowledged: [String: Int64]) {
        for row in rows {
            let what = "\(row.trade ?? "?") in quarantine as \(row.id)"
            if kept.updateValue(row.id, forKey: row.body) != nil { doubled.append(what) }
            if offered[row.body] == nil { invented.append(what) }
            // The product stays unknown, so nobody may have applied it.
            let number = acknowledged[row.body] ?? row.id
            if row.reason != "unknown_product" || row.state != "open" || row.id != number {
                altered.append("\(what), \(row.reason), \(row.state), acknowledged as \(number)")
            }
        }
        for (body, number) in acknowledged where kept[body] == nil { lost.append("in quarantine as \(number): \(body)") }
    }

    private mutating func compare(_ histories: [String: [Message]], _ stored: [Key: Snapshot.Window], _ market: Stage.DemoSeed) {
        var due: Set<Key> = []
        for (uid, history) in histories {
            for (resource, events) in [(market.topicId, history), (market.appId, history.filter { $0.product == Message.bundle })]
            where !events.isEmpty {
                let key = Key(resource: resource, uid: uid)
                due.insert(key)
                windows += 1
                let known = folds[key].flatMap { $0.history == events ? $0.payEndTime : nil }
                let payEndTime = known ?? ReferenceFold.payEndTime(events.map(\.reference))
                folds[key] = (events, payEndTime)
                let payments = events.count { !$0.isRefund }
                if stored[key]?.payEndTime != payEndTime || stored[key]?.payments != payments {
                    wrongWindows.append(
                        "\(key): stored \(stored[key].map { "\($0)" } ?? "nothing"), due \(payEndTime) of \(payments) payments")
                }
                let byArrival = Self.sumByArrival(events)
                if byArrival != payEndTime { misjudged.append(Misjudged(key: key, due: payEndTime, byArrival: byArrival)) }
            }
        }
        for key in stored.keys where !due.contains(key) { wrongWindows.append("\(key): stored, and no event is") }
    }

    /// What must not be done: an end that each event moves as it comes.
    private static func sumByArrival(_ events: [Message]) -> Int64 {
        events.reduce(0) { end, event in event.isRefund ? end + event.addTime : max(end, event.createTime) + event.addTime }
    }

    var isClean: Bool { complaints.isEmpty }

    /// All that does not hold, in words.
    var complaints: [String] {
        func say(_ what: String, _ which: [String]) -> [String] {
            which.isEmpty ? [] : ["\(which.count) \(what): \(which.prefix(5).joined(separator: ", "))"]
        }
        return say("acknowledged and lost", lost) + say("stored and never sent", invented) + say("stored twice", doubled)
            + say("stored with another content", altered)
            + (wrongWindows.isEmpty ? [] : ["\(wrongWindows.count) windows are wrong: \(wrongWindows[0])"])
    }

    struct Key: Hashable, Sendable, CustomStringConvertible {
        let resource: Int64
        let uid: String
        var description: String { "resource \(resource), \(uid)" }
    }
}
