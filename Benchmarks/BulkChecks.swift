import Foundation

/// Checks of 2,000 subscribers per request, against look-ups by pgbench, per subscriber.
struct BulkChecks {
    let ground: Ground
    let server: ServerProcess
    let seconds: Int
    let runs: Int

    private static let uidsPerCall = 2_000
    /// Callers at once: two for each processor keep the server busy.
    private static let connections = 4

    func rows() throws -> [Row] {
        let subscribers = try Subscribers(of: ground)
        var (checks, lookups): ([Figure], [Figure]) = ([], [])
        for _ in 1...runs {
            checks.append(try check(subscribers))
            lookups.append(
                try Pgbench(ground: ground, seconds: seconds).measure(
                    """
                    \\set n random(1, \(subscribers.highest))
                    select pay_end_time from paid_window where resource_id = \(ground.secrets.topicId) and uid = '\(Subscribers.prefix)' || (:n)::text
                    """))
        }
        return [
            Row(
                operation: "checks of \(Self.uidsPerCall) uids a call, per uid", ours: .median(checks), against: "pgbench look-ups -c 64",
                theirs: .median(lookups), goals: [.init(measure: .rate, limit: 3.0)])
        ]
    }

    func check(_ subscribers: Subscribers) throws -> Figure {
        // Twenty bodies made beforehand: making them is not what is measured.
        let script = """
            local bodies = {}
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "application/json"
            wrk.headers["Authorization"] = "Bearer \(ground.secrets.apiKey)"
            function init()
                for b = 1, 20 do
                    local uids = {}
                    for n = 1, \(Self.uidsPerCall) do uids[n] = '"\(Subscribers.prefix)' .. math.random(\(subscribers.highest)) .. '"' end
                    bodies[b] = wrk.format(nil, nil, nil,
                        '{"resourceId":\(ground.secrets.topicId),"uids":[' .. table.concat(uids, ",") .. ']}')
                end
            end
            function request() return bodies[math.random(#bodies)] end
            """
        let before = (server: try ProcessTime.of(server.pid), postgres: try ground.postgresTime())
        let outcome = try LoadGenerator(connections: Self.connections, seconds: seconds).send(
            to: "\(server.url)/v1/entitlements/checks", script: script)
        let used = (server: try ProcessTime.of(server.pid) - before.server, postgres: try ground.postgresTime() - before.postgres)
        let count = Double(outcome.completed * Self.uidsPerCall)
        return Figure(
            rate: outcome.rate * Double(Self.uidsPerCall), cpu: (used.server + used.postgres) / count * 1e6,
            postgres: used.postgres / count * 1e6)
    }
}
