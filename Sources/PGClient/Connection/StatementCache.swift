/// Which statements a connection has prepared. The text of statements is a finite set of literals, but the set of one server may be larger than
/// what a session should hold, so the least recently used goes first.
struct StatementCache {
    /// The same text with other types is another statement: bytes meant as one type must never be read as another.
    struct Key: Hashable {
        let text: String
        let types: [UInt32]
    }

    enum Plan: Equatable {
        /// First use: not worth preparing yet.
        case unnamed
        /// Second use: prepare it under this name, dropping the statement of the other name first where one is given.
        case prepare(String, dropping: String?)
        case prepared(String)
    }

    private struct Entry {
        var name: String?
        var usedAt: UInt64
    }

    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private var names = 0
    let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// How to run the statement now.
    mutating func plan(_ key: Key) -> Plan {
        clock += 1
        guard limit > 0 else { return .unnamed }
        guard let entry = entries[key] else {
            let dropped = makeRoom()
            entries[key] = Entry(name: nil, usedAt: clock)
            // A prepared statement was dropped from the map; its name is freed with the next prepare.
            if let dropped { orphans.append(dropped) }
            return .unnamed
        }
        entries[key]?.usedAt = clock
        if let name = entry.name { return .prepared(name) }
        names += 1
        return .prepare("s\(names)", dropping: orphans.popLast())
    }

    private var orphans: [String] = []

    /// The server has prepared it: only now is it so, for a prepare behind an error in a pipeline never ran.
    mutating func didPrepare(_ key: Key, as name: String) {
        entries[key]?.name = name
    }

    /// The statement's plan no longer fits the schema, or the server has forgotten it.
    mutating func forget(_ key: Key) {
        entries[key] = nil
    }

    private mutating func makeRoom() -> String? {
        guard entries.count >= limit, let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt }) else { return nil }
        entries[oldest.key] = nil
        return oldest.value.name
    }
}
