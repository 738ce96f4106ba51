import Foundation
import PostgresCluster

/// An audience of a million as NDJSON and CSV, against psql copying the same uids.
struct Audiences {
    let ground: Ground
    let runs: Int

    static let members = 1_000_000

    func rows(_ server: ServerProcess) throws -> [Row] {
        try fill()
        var (csv, ndjson, copies): ([Figure], [Figure], [Figure]) = ([], [], [])
        for _ in 1...runs {
            csv.append(try read("text/csv", header: 1, of: server))
            ndjson.append(try read("application/x-ndjson", header: 0, of: server))
            copies.append(try copy())
        }
        try clear()
        let theirs = Figure.median(copies)
        return [("CSV", csv, 0.9), ("NDJSON", ndjson, 0.6)].map { name, figures, limit in
            Row(
                operation: "audience of \(Self.members) as \(name)", ours: .median(figures), against: "psql copy to stdout", theirs: theirs,
                goals: [.init(measure: .rate, limit: limit)])
        }
    }

    /// Makes the windows of an audience.
    func fill() throws {
        // A resource of its own with a million windows, and no events: audiences read windows alone.
        let app = ground.secrets.appId
        _ = try ground.psql(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            select \(app), 'UID_audience' || lpad(n::text, 8, '0'), 4000000000000, 1700000000000, 1, 0 from generate_series(1, \(Self.members)) n
            on conflict do nothing
            """)
        _ = try ground.psql("vacuum analyze paid_window")
    }

    /// Takes them away again.
    func clear() throws {
        _ = try ground.psql("delete from paid_window where uid like 'UID_audience%'")
    }

    /// Reads the audience as a media type, of which so many lines are a header.
    func read(_ type: String, header: Int, of server: ServerProcess) throws -> Figure {
        let before = (server: try ProcessTime.of(server.pid), postgres: try ground.postgresTime())
        let start = ContinuousClock.now
        let text = try Shell.run(
            "/bin/sh",
            [
                "-c", "curl -fsS -H \"Authorization: Bearer $0\" -H \"Accept: $1\" \"$2\" | wc -l", ground.secrets.apiKey, type,
                "\(server.url)/v1/resources/\(ground.secrets.appId)/audience?mode=paid",
            ])
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let used = (server: try ProcessTime.of(server.pid) - before.server, postgres: try ground.postgresTime() - before.postgres)
        let lines = (Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1) - header
        guard lines == (try expected()) else { throw BenchError("\(lines) members were read") }
        return Figure(
            rate: Double(lines) / seconds, cpu: (used.server + used.postgres) / Double(lines) * 1e6,
            postgres: used.postgres / Double(lines) * 1e6)
    }

    private func expected() throws -> Int {
        Int(try ground.psql("select count(*) from paid_window where resource_id = \(ground.secrets.appId) and pay_end_time > now_ms()"))
            ?? -1
    }

    private func copy() throws -> Figure {
        let start = ContinuousClock.now
        let text = try Shell.run(
            "/bin/sh",
            [
                "-c", "\"$0\" -XqAt -h \"$1\" -p \(ground.cluster.port) -U \(PrivateCluster.owner) -c \"$2\" postgres | wc -l",
                try PostgresBinaries.folder().appending(path: "psql").path, ground.cluster.socketFolder.path,
                """
                copy (select uid, pay_end_time from paid_window where resource_id = \(ground.secrets.appId) and pay_end_time > now_ms() order by uid) to stdout
                """,
            ])
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let lines = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) ?? -1
        return Figure(rate: Double(lines) / seconds, cpu: nil)
    }
}
