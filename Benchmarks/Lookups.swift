import Foundation
import PostgresCluster

/// One entitlement per request, against a constant answer of the same server and against look-ups by pgbench.
struct Lookups {
    let ground: Ground
    let server: ServerProcess
    let subscribers: Subscribers
    let seconds: Int

    /// Answers that are compared with what is stored.
    private static let sample = 100

    func rows(runs: Int) throws -> [Row] {
        try prove()
        var (checks, constants, lookups, bySocket): ([Figure], [Figure], [Figure], [Figure]) = ([], [], [], [])
        for run in 1...runs {
            try inTurn(
                run,
                [
                    { checks.append(try entitlements(connections: 64)) }, { constants.append(try constant()) },
                    { lookups.append(try Pgbench(ground: ground, seconds: seconds, road: .tcp).lookUp(subscribers)) },
                    { bySocket.append(try Pgbench(ground: ground, seconds: seconds, road: .socket).lookUp(subscribers)) },
                ])
        }
        return [
            Row(
                operation: "GET /v1/entitlements, 64 connections", ours: .median(checks), against: "GET /healthz, the same server",
                theirs: .median(constants), goals: [.init(measure: .cpu, limit: 1.2)]),
            Row(
                operation: "GET /v1/entitlements, 64 connections", ours: .median(checks), against: "pgbench look-ups -c 64 by TCP",
                theirs: .median(lookups), goals: [.init(measure: .rate, limit: 1.0)]),
            // A road that no caller of ours has, for comparison.
            Row(
                operation: "GET /v1/entitlements, 64 connections", ours: .median(checks), against: "the same by a Unix socket",
                theirs: .median(bySocket), goals: []),
        ]
    }

    func entitlements(connections: Int) throws -> Figure { try load { target(connections: connections) } }

    /// Entitlements of subscribers at random.
    func target(connections: Int) -> LoadGenerator.Target {
        .init(
            url: "\(server.url)/v1/entitlements", connections: connections,
            script: """
                math.randomseed(\(ground.slices.next()))
                wrk.headers["Authorization"] = "Bearer \(ground.secrets.apiKey)"
                local head, rest
                function init()
                    local mark = "UID_HERE"
                    local text = wrk.format("GET", "/v1/entitlements?resourceId=\(ground.secrets.topicId)&uid=" .. mark)
                    local first, last = text:find(mark, 1, true)
                    head, rest = text:sub(1, first - 1) .. "\(Subscribers.prefix)", text:sub(last + 1)
                end
                function request()
                    return head .. math.random(0, \(subscribers.highest)) .. rest
                end
                """)
    }

    private func constant() throws -> Figure {
        try load {
            .init(
                url: "\(server.url)/healthz", connections: 64,
                script: """
                    local text
                    function init() text = wrk.format() end
                    function request() return text end
                    """)
        }
    }

    private struct Answer: Decodable {
        let uid: String
        let entitled: Bool
        let payEndTime: Int64
        let at: Int64
    }

    /// A sample of answers is what the table holds.
    func prove() throws {
        for number in 1...Self.sample {
            let uid = subscribers.uid(number)
            let stored = subscribers.payEndTimes[uid] ?? 0
            let text = try Shell.run(
                "curl",
                [
                    "-fsS", "-H", "Authorization: Bearer \(ground.secrets.apiKey)",
                    "\(server.url)/v1/entitlements?resourceId=\(ground.secrets.topicId)&uid=\(uid)",
                ])
            let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
            guard answer.uid == uid, answer.payEndTime == stored, answer.entitled == (stored > answer.at) else {
                throw BenchError("\(uid) holds \(stored), the answer is \(text)")
            }
        }
    }

    private func load(_ target: () -> LoadGenerator.Target) throws -> Figure {
        try ground.settle()
        _ = try slice(target(), warmUp(of: seconds))
        return try slice(target(), seconds)
    }

    private func slice(_ target: LoadGenerator.Target, _ seconds: Int) throws -> Figure {
        let watch = try Stopwatch(ground, servers: [server])
        let outcome = try LoadGenerator(seconds: seconds).send(to: [target])[0]
        return try watch.figure(operations: outcome.completed, rate: outcome.rate)
    }
}
