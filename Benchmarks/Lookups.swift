import Foundation
import PostgresCluster

/// One entitlement per request, against a constant answer of the same server and against look-ups by pgbench.
struct Lookups {
    let ground: Ground
    let server: ServerProcess
    let seconds: Int
    let runs: Int

    func rows() throws -> [Row] {
        let subscribers = try Subscribers(of: ground)
        try prove(subscribers)
        var (checks, constants, lookups): ([Figure], [Figure], [Figure]) = ([], [], [])
        for _ in 1...runs {
            checks.append(try entitlements(subscribers))
            constants.append(try load("/healthz", script: "function request() return wrk.format() end"))
            lookups.append(
                try Pgbench(ground: ground, seconds: seconds).measure(
                    """
                    \\set n random(1, \(subscribers.highest))
                    select pay_end_time from paid_window where resource_id = \(ground.secrets.topicId) and uid = '\(Subscribers.prefix)' || (:n)::text
                    """))
        }
        return [
            Row(
                operation: "GET /v1/entitlements, 64 connections", ours: .median(checks), against: "GET /healthz, the same server",
                theirs: .median(constants), goals: [.init(measure: .cpu, limit: 1.2)]),
            Row(
                operation: "GET /v1/entitlements, 64 connections", ours: .median(checks), against: "pgbench look-ups -c 64",
                theirs: .median(lookups), goals: [.init(measure: .rate, limit: 1.0)]),
        ]
    }

    func entitlements(_ subscribers: Subscribers, connections: Int = 64) throws -> Figure {
        try load(
            "/v1/entitlements", connections: connections,
            script: """
                wrk.headers["Authorization"] = "Bearer \(ground.secrets.apiKey)"
                function request()
                    return wrk.format("GET", "/v1/entitlements?resourceId=\(ground.secrets.topicId)&uid=\(Subscribers.prefix)"
                        .. math.random(\(subscribers.highest)))
                end
                """)
    }

    /// A sample of answers is what the table holds.
    private func prove(_ subscribers: Subscribers) throws {
        for number in stride(from: 1, to: subscribers.highest, by: max(1, subscribers.highest / 50)) {
            let uid = "\(Subscribers.prefix)\(number)"
            let stored = try ground.psql(
                "select coalesce(max(pay_end_time), 0) from paid_window where resource_id = \(ground.secrets.topicId) and uid = '\(uid)'")
            let answer = try Shell.run(
                "/usr/bin/curl",
                [
                    "-fsS", "-H", "Authorization: Bearer \(ground.secrets.apiKey)",
                    "\(server.url)/v1/entitlements?resourceId=\(ground.secrets.topicId)&uid=\(uid)",
                ])
            guard answer.contains("\"payEndTime\":\(stored)") else { throw BenchError("\(uid) holds \(stored), the answer is \(answer)") }
        }
    }

    private func load(_ path: String, connections: Int = 64, script: String) throws -> Figure {
        let before = (server: try ProcessTime.of(server.pid), postgres: try ground.postgresTime())
        let outcome = try LoadGenerator(connections: connections, seconds: seconds).send(to: server.url + path, script: script)
        let used = (server: try ProcessTime.of(server.pid) - before.server, postgres: try ground.postgresTime() - before.postgres)
        let count = Double(outcome.completed)
        return Figure(
            rate: outcome.rate, cpu: (used.server + used.postgres) / count * 1e6, postgres: used.postgres / count * 1e6,
            generator: outcome.cpu / count * 1e6, idle: outcome.idle)
    }
}
