import Foundation
import PostgresCluster

/// An audience of a million as NDJSON and CSV, against psql copying the same rows in the same order.
struct Audiences {
    let ground: Ground
    let runs: Int
    /// Who is a member then. A number, as our server hands it to PostgreSQL: asked for in the statement, it would be computed anew for each row.
    private let start = now()

    init(ground: Ground, runs: Int) {
        (self.ground, self.runs) = (ground, runs)
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
        // A resource of its own with a million windows, and no events: audiences read windows alone.
        let app = ground.secrets.appId
        _ = try ground.psql(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            select \(app), 'UID_audience' || lpad(n::text, 8, '0'), 4000000000000, 1700000000000, 1, 0 from generate_series(1, \(Self.members)) n
            on conflict do nothing
            """)
    }

    private func clear() throws {
        _ = try ground.psql("delete from paid_window where uid like 'UID_audience%'")
        try ground.settle()
    }

    /// Reads the audience, so many readers at once.
    func read(_ format: Format, of server: ServerProcess, readers: Int = 1) throws -> Figure {
        let expected = try expected(at: start)
        try ground.settle()
        let watch = try Stopwatch(ground, servers: [server])
        let lines = try (1...Self.passes).flatMap { _ in try LineCount.of(asking(format, server), times: readers).lines }
        let figure = try watch.figure(operations: expected * lines.count)
        try requireAll(lines.map { $0 - format.header }, expected)
        return figure
    }

    private func copy(_ select: String) throws -> Figure {
        let expected = try expected(at: start)
        try ground.settle()
        let watch = try Stopwatch(ground)
        let copies = try (1...Self.passes).map { _ in try LineCount.of(copying(select)) }
        let figure = try watch.figure(operations: expected * copies.count, own: copies.map(\.cpu).reduce(0, +))
        try requireAll(copies.flatMap(\.lines), expected)
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

    /// - Parameter expected: those who were members when this began; some of the history's have come to their end since, or while they were read.
    private func requireAll(_ counts: [Int], _ expected: Int) throws {
        let left = try self.expected(at: Self.now())
        guard counts.allSatisfy({ left <= $0 && $0 <= expected }) else {
            throw BenchError("\(counts) of \(left) to \(expected) members were read")
        }
    }

    private func expected(at instant: Int64) throws -> Int {
        Int(try ground.psql("select count(*) from paid_window where \(condition(at: instant))")) ?? -1
    }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1_000) }

    private func condition(at instant: Int64) -> String { "resource_id = \(ground.secrets.appId) and pay_end_time > \(instant)" }
    private var rowsInOrder: String { "select uid, pay_end_time from paid_window where \(condition(at: start)) order by uid" }
    private var uidsAlone: String { "select uid from paid_window where \(condition(at: start))" }

    private func asking(_ format: Format, _ server: ServerProcess) -> [String] {
        [
            "curl", "-fsS", "-H", "Authorization: Bearer \(ground.secrets.apiKey)", "-H", "Accept: \(format.rawValue)",
            "\(server.url)/v1/resources/\(ground.secrets.appId)/audience?mode=paid",
        ]
    }

    private func copying(_ select: String) throws -> [String] {
        try ground.psqlCommand("copy (\(select)) to stdout")
    }
}
