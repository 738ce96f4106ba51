import PGClient
import TestSupport

/// What the database holds of a round, held against what was sent and what was acknowledged.
struct Check: Sendable {
    /// Acknowledged and not stored.
    var lost: [Message.Identity] = []
    /// Stored and never sent.
    var invented: [Message.Identity] = []
    /// Stored more than once, or called new more than once.
    var doubled: [Message.Identity] = []
    /// Stored with another content than it was sent with.
    var altered: [Message.Identity] = []
    /// Windows that are not what the reference makes of the stored events.
    var wrongWindows: [String] = []
    var windows = 0
    /// Windows that a sum in the order of arrival would have got wrong.
    var wrongByArrival = 0
    var stored: Set<Message.Identity> = []

    /// Reads one snapshot and compares.
    init(_ journal: Journal, on stage: Stage) async throws {
        // Before the database is read: what is acknowledged later may be stored later.
        let (sent, acknowledged) = (journal.sent, journal.acknowledged)
        let (events, windows) = try await Self.read(journal.workload, on: stage)
        let names = Dictionary(zip(stage.market.productIds, [Message.bundle, Message.topicAlone])) { first, _ in first }
        var histories: [String: [Message]] = [:]
        for row in events {
            let message = row.message(products: names)
            let identity = message.identity
            if !stored.insert(identity).inserted { doubled.append(identity) }
            if let original = sent[identity] {
                if original != message { altered.append(identity) }
            } else {
                invented.append(identity)
            }
            histories[message.uid, default: []].append(message)
        }
        lost = acknowledged.subtracting(stored).sorted { $0.description < $1.description }
        compare(histories, windows, stage.market)
    }

    private mutating func compare(_ histories: [String: [Message]], _ stored: [Key: StoredWindow], _ market: Stage.DemoSeed) {
        var due: Set<Key> = []
        for (uid, history) in histories {
            for (resource, events) in [(market.topicId, history), (market.appId, history.filter { $0.product == Message.bundle })]
            where !events.isEmpty {
                let key = Key(resource: resource, uid: uid)
                due.insert(key)
                windows += 1
                let payEndTime = ReferenceFold.payEndTime(events.map(\.reference))
                let payments = events.count { !$0.isRefund }
                if stored[key]?.payEndTime != payEndTime || stored[key]?.payments != payments {
                    wrongWindows.append(
                        "\(key): stored \(stored[key].map { "\($0)" } ?? "nothing"), due \(payEndTime) of \(payments) payments")
                }
                if Self.sumByArrival(events) != payEndTime { wrongByArrival += 1 }
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
        func say(_ what: String, _ identities: [Message.Identity]) -> [String] {
            identities.isEmpty ? [] : ["\(identities.count) \(what): \(identities.prefix(5).map(\.description).joined(separator: ", "))"]
        }
        return say("acknowledged and lost", lost) + say("stored and never sent", invented) + say("stored twice", doubled)
            + say("stored with another content", altered)
            + (wrongWindows.isEmpty ? [] : ["\(wrongWindows.count) windows are wrong: \(wrongWindows[0])"])
    }

    // MARK: Reading

    private struct Key: Hashable, CustomStringConvertible {
        let resource: Int64
        let uid: String
        var description: String { "resource \(resource), \(uid)" }
    }

    private struct StoredWindow: Sendable {
        let payEndTime: Int64
        let payments: Int
    }

    private struct Row: PGRowDecodable, Sendable {
        let uid: String
        let trade: String
        let payTrade: String?
        let type: Int16
        let createTime, addTime, amount, product: Int64

        init(row: PGRow) throws(PGError) {
            (uid, trade, payTrade, type, createTime, addTime, amount, product) = try row.decode()
        }

        func message(products: [Int64: Int64]) -> Message {
            Message(
                isRefund: type == 2, uid: uid, trade: trade, payTrade: payTrade, createTime: createTime, addTime: addTime, amount: amount,
                product: products[product] ?? product)
        }
    }

    /// The events of a round in the order of their commit, and the windows of its subscribers.
    private static func read(_ workload: Workload, on stage: Stage) async throws -> ([Row], [Key: StoredWindow]) {
        // From the prefix to what it would be with the next character at its end.
        let (first, last) = (workload.prefix, workload.prefix.dropLast() + ".")
        let (firstUID, lastUID) = ("UID_\(workload.round)_", "UID_\(workload.round)`")
        let (events, windows) = try await stage.reading { client in
            try await client.transaction(.repeatableRead, readOnly: true) { transaction in
                try await transaction.run(
                    SQL(
                        """
                        select uid, trade_no, pay_trade_no, type, create_time, add_time, amount, product_id
                        from payment_event
                        where trade_no >= \(first) and trade_no < \(String(last))
                        order by commit_position, ordinal
                        """
                    ).all(Row.self),
                    SQL(
                        """
                        select resource_id, uid, pay_end_time, payments
                        from paid_window
                        where uid >= \(firstUID) and uid < \(lastUID)
                        """
                    ).values((Int64, String, Int64, Int).self))
            }
        }
        let stored = windows.map { (Key(resource: $0.0, uid: $0.1), StoredWindow(payEndTime: $0.2, payments: $0.3)) }
        return (events, Dictionary(stored) { first, _ in first })
    }
}
