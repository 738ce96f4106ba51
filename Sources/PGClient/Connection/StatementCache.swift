/// Which statements a connection has prepared. The text of statements is a finite set of literals, but the set of one server may be larger than
/// what a session should hold, so the least recently used goes first.
struct StatementCache {
    /// The same text with other types is another statement: bytes meant as one type must never be read as another. The same text from another place of
    /// the program is another one too: where literals lie is compared, not what they say, which would cost more than sending a statement.
    struct Key: Hashable {
        let statement: Statement

        init(_ statement: Statement) {
            self.statement = statement
        }

        static func == (one: Key, two: Key) -> Bool { one.statement.hasShape(of: two.statement) }

        func hash(into hasher: inout Hasher) {
            hasher.combine(statement.hash)
        }
    }

    enum Plan: Equatable {
        /// First use: not worth preparing yet.
        case unnamed
        /// Second use: prepare it under this name.
        case prepare(String)
        case prepared(String)
    }

    private struct Entry {
        var name: String?
        var usedAt: UInt64
    }

    private var entries: [Key: Entry] = [:]
    private var clock: UInt64 = 0
    private var names = 0
    /// Names that the server holds and the map does not: to be dropped with the next pipeline.
    private(set) var orphans: [String] = []
    let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// How to run the statement now.
    mutating func plan(_ key: Key) -> Plan {
        clock += 1
        guard limit > 0 else { return .unnamed }
        guard let index = entries.index(forKey: key) else {
            makeRoom()
            entries[Key(key.statement.withoutValues)] = Entry(name: nil, usedAt: clock)
            return .unnamed
        }
        entries.values[index].usedAt = clock
        if let name = entries.values[index].name { return .prepared(name) }
        names += 1
        return .prepare("s\(names)")
    }

    /// How to run the statement where nothing can be prepared, in a transaction that has failed: ROLLBACK can run there.
    func planWithoutPreparing(_ key: Key) -> Plan {
        entries[key]?.name.map { .prepared($0) } ?? .unnamed
    }

    /// The server has prepared it: only now is it so, for a prepare behind an error in a pipeline never ran.
    mutating func didPrepare(_ key: Key, as name: String) {
        if entries[key] != nil, entries[key]?.name == nil {
            entries[key]?.name = name
        } else {
            // It had to make room for another of the same pipeline.
            orphans.append(name)
        }
    }

    /// The server has dropped the first of the orphans.
    mutating func didDropFirst() {
        orphans.removeFirst()
    }

    /// The statement's plan no longer fits the schema.
    mutating func forget(_ key: Key) {
        if let name = entries.removeValue(forKey: key)?.name { orphans.append(name) }
    }

    /// The server has forgotten what was prepared: the session was reset.
    mutating func forgetAll() {
        entries = [:]
        orphans = []
    }

    private mutating func makeRoom() {
        guard entries.count >= limit, let oldest = entries.min(by: { $0.value.usedAt < $1.value.usedAt }) else { return }
        forget(oldest.key)
    }
}
