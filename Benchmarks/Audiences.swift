import Foundation
import PostgresCluster

/// An audience of a million as NDJSON and CSV, against psql copying the same rows in the same order.
///
/// It is a topic's of its own. Its windows lie in the order in which its members first paid, as windows do, which is not that of their uids.
struct Audiences {
    let ground: Ground
    let runs: Int
    /// Who is a member then. A number, as our server hands it to PostgreSQL: asked for in the statement, it would be computed anew for each row.
    private let start = now()
    private let topic: Int64

    init(ground: Ground, runs: Int) throws {
        (self.ground, self.runs) = (ground, runs)
        topic = try Self.topic(of: ground)
    }

    /// Readings after one another in one slice: one alone is over in less than half a second, too short to be steady.
    private static let passes = 3
    static let members = 1_000_000

    enum Format: String {
        case csv = "text/csv"
        case ndjson = "application/x-ndjson"

        /// Lines that are no members.
        var header: Int { self == .csv ? 1 : 0 }
    }

    func rows(_ server: ServerProcess) throws -> [Row] {
        var (csv, ndjson, copies, bare): ([Figure], [Figure], [Figure], [Figure]) = ([], [], [], [])
        try filled {
            try prove(server)
            for run in 1...runs {
                try inTurn(
                    run,
                    [
                        { csv.append(try read(.csv, of: server)) }, { copies.append(try copy(rowsInOrder)) },
                        { ndjson.append(try read(.ndjson, of: server)) }, { bare.append(try copy(uidsAlone)) },
                    ])
            }
        }
        func row(_ name: String, _ figures: [Figure], _ against: String, _ theirs: [Figure], _ goals: [Row.Goal]) -> Row {
            Row(
                operation: "audience of \(Self.members) as \(name)", ours: .median(figures), against: against, theirs: .median(theirs),
                goals: goals)
        }
        return [
            row("CSV", csv, "psql copy to stdout", copies, [.init(measure: .rate, limit: 0.9)]),
            row("NDJSON", ndjson, "psql copy to stdout", copies, [.init(measure: .rate, limit: 0.6)]),
            // Less than an audience holds, for comparison.
            row("CSV", csv, "psql copy of uids alone, in any order", bare, []),
        ]
    }

    /// Lends the windows of an audience: made before the work, taken away after it.
    func filled<Value>(_ work: () throws -> Value) throws -> Value {
        try tidied(by: clear) {
            try fill()
            return try work()
        }
    }

    private func fill() throws {
        // Windows, and no events: audiences read windows alone. The uids are such as the platform gives: of 28 characters without an order.
        _ = try ground.psql(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            select \(topic), 'UID_' || left(md5(n::text), 28), 4000000000000, 1700000000000, 1, 0 from generate_series(1, \(Self.members)) n
            """)
    }

    private func clear() throws {
        _ = try ground.psql("delete from paid_window where resource_id = \(topic)")
        try ground.settle()
    }

    private static func topic(of ground: Ground) throws -> Int64 {
        let text = try ground.psql(
            "insert into resource (publisher_id, app_id, kind, name) values (1, \(ground.secrets.appId), 2, 'An audience') returning id")
        guard let topic = Int64(text) else { throw BenchError("no topic: \(text)") }
        return topic
    }

    /// Reads the audience, so many readers at once.
    func read(_ format: Format, of server: ServerProcess, readers: Int = 1) throws -> Figure {
        try ground.settle()
        let watch = try Stopwatch(ground, servers: [server])
        let lines = try (1...Self.passes).flatMap { _ in try LineCount.of(asking(format, server), times: readers).lines }
        let figure = try watch.figure(operations: Self.members * lines.count)
        try requireAll(lines.map { $0 - format.header })
        return figure
    }

    private func copy(_ select: String) throws -> Figure {
        try ground.settle()
        let watch = try Stopwatch(ground)
        let copies = try (1...Self.passes).map { _ in try LineCount.of(copying(select)) }
        let figure = try watch.figure(operations: Self.members * copies.count, own: copies.map(\.cpu).reduce(0, +))
        try requireAll(copies.flatMap(\.lines))
        return figure
    }

    /// What both sides send is the same to the byte, once each is written as the other.
    private func prove(_ server: ServerProcess) throws {
        let theirs = try LineCount.hash(#""$@" | tr '\t' ,"#, copying(rowsInOrder))
        let csv = try LineCount.hash(#""$@" | tail -n +2"#, asking(.csv, server))
        let ndjson = try LineCount.hash(
            #""$@" | sed -E 's/^\{"uid":"([^"]*)","payEndTime":([0-9]+)\}$/\1,\2/'"#, asking(.ndjson, server))
        guard csv == theirs else { throw BenchError("the audience as CSV is not what psql copies") }
        guard ndjson == theirs else { throw BenchError("the audience as NDJSON is not what psql copies") }
    }

    private func requireAll(_ counts: [Int]) throws {
        guard counts.allSatisfy({ $0 == Self.members }) else { throw BenchError("\(counts) of \(Self.members) members were read") }
    }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    private var condition: String { "resource_id = \(topic) and pay_end_time > \(start)" }
    private var rowsInOrder: String { "select uid, pay_end_time from paid_window where \(condition) order by uid" }
    private var uidsAlone: String { "select uid from paid_window where \(condition)" }

    private func asking(_ format: Format, _ server: ServerProcess) -> [String] {
        [
            "curl", "-fsS", "-H", "Authorization: Bearer \(ground.secrets.apiKey)", "-H", "Accept: \(format.rawValue)",
            "\(server.url)/v1/resources/\(topic)/audience?mode=paid",
        ]
    }

    private func copying(_ select: String) throws -> [String] {
        try ground.psqlCommand("copy (\(select)) to stdout")
    }
}
