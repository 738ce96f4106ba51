import Foundation
import PostgresCluster

/// Checks of 2,000 subscribers per request, against look-ups by pgbench, per subscriber.
struct BulkChecks {
    let ground: Ground
    let server: ServerProcess
    let subscribers: Subscribers
    let seconds: Int
    /// Where the requests' bodies are, made beforehand: making them is not what is measured.
    private let folder: URL

    static let uidsPerCall = 2_000
    /// Different ones, so that what is asked for is not what PostgreSQL and the processor hold anyway.
    private static let bodies = 200
    /// Callers at once: two for each processor keep the server busy.
    private static let connections = 4

    /// Makes the bodies.
    init(ground: Ground, server: ServerProcess, subscribers: Subscribers, seconds: Int) throws {
        (self.ground, self.server, self.subscribers, self.seconds) = (ground, server, subscribers, seconds)
        folder = ground.folder.appending(path: "checks-\(ground.slices.next())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for body in 0..<Self.bodies {
            let uids = uids(body).map { "\"\($0)\"" }.joined(separator: ",")
            try "{\"resourceId\":\(ground.secrets.topicId),\"uids\":[\(uids)]}".write(to: file(body), atomically: false, encoding: .utf8)
        }
    }

    func rows(runs: Int) throws -> [Row] {
        try prove()
        var (checks, lookups): ([Figure], [Figure]) = ([], [])
        for run in 1...runs {
            try inTurn(
                run,
                [
                    { checks.append(try check()) }, { lookups.append(try Pgbench(ground: ground, seconds: seconds).lookUp(subscribers)) },
                ])
        }
        return [
            Row(
                operation: "checks of \(Self.uidsPerCall) uids a call, per uid", ours: .median(checks), against: "pgbench look-ups -c 64",
                theirs: .median(lookups), goals: [.init(measure: .rate, limit: 3.0)])
        ]
    }

    func check(connections: Int = connections) throws -> Figure {
        try ground.settle()
        _ = try slice(connections, warmUp(of: seconds))
        return try slice(connections, seconds)
    }

    private func slice(_ connections: Int, _ seconds: Int) throws -> Figure {
        let target = target(connections: connections)
        let watch = try Stopwatch(ground, servers: [server])
        let outcome = try LoadGenerator(seconds: seconds).send(to: [target])[0]
        return try watch.figure(
            operations: outcome.completed * Self.uidsPerCall, rate: outcome.rate * Double(Self.uidsPerCall))
    }

    /// The bodies, at random.
    func target(connections: Int) -> LoadGenerator.Target {
        .init(
            url: "\(server.url)/v1/entitlements/checks", connections: connections,
            script: """
                math.randomseed(\(ground.slices.next()))
                local bodies = {}
                wrk.method = "POST"
                wrk.headers["Content-Type"] = "application/json"
                wrk.headers["Authorization"] = "Bearer \(ground.secrets.apiKey)"
                function init()
                    for b = 0, \(Self.bodies - 1) do
                        local file = assert(io.open("\(folder.path)/" .. b .. ".json"))
                        bodies[b + 1] = wrk.format(nil, nil, nil, file:read("*a"))
                        file:close()
                    end
                end
                function request() return bodies[math.random(#bodies)] end
                """)
    }

    private struct Answers: Decodable {
        struct Answer: Decodable {
            let uid: String
            let entitled: Bool
            let payEndTime: Int64
        }
        let at: Int64
        let data: [Answer]
    }

    /// Every answer to every body is what the table holds, in the order asked.
    func prove() throws {
        for body in 0..<Self.bodies {
            let text = try Shell.run(
                "curl",
                [
                    "-fsS", "-H", "Authorization: Bearer \(ground.secrets.apiKey)", "-H", "Content-Type: application/json",
                    "--data-binary", "@\(file(body).path)", "\(server.url)/v1/entitlements/checks",
                ])
            let answers = try JSONDecoder().decode(Answers.self, from: Data(text.utf8))
            let uids = uids(body)
            guard answers.data.map(\.uid) == uids else { throw BenchError("the answers to body \(body) are not to what it asked") }
            for answer in answers.data {
                let stored = subscribers.payEndTimes[answer.uid] ?? 0
                guard answer.payEndTime == stored, answer.entitled == (stored > answers.at) else {
                    throw BenchError("\(answer.uid) holds \(stored), the answer is \(answer)")
                }
            }
        }
    }

    private func uids(_ body: Int) -> [String] {
        (0..<Self.uidsPerCall).map { subscribers.uid(body * Self.uidsPerCall + $0) }
    }

    private func file(_ body: Int) -> URL { folder.appending(path: "\(body).json") }
}
