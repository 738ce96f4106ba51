import Glibc
import PostgresCluster

/// Integers at every limit, and what looks like one, in every numeric field that somebody outside can fill in. A trap in Swift ends the process.
enum Integers {
    private static let senders = 24
    /// Times that a request is sent which is answered 503.
    private static let patience = 40
    /// Between two of them.
    private static let pause: Duration = .milliseconds(50)

    struct Request: Sendable {
        let method: String
        let path: String
        var token: String?
        var body: String?
        var type = "application/json"
        /// The operation of the contract that it is one of: each must let somebody in.
        let operation: String
        /// The field that the value stands in.
        let field: String

        var what: String { "\(operation) \(field)" }
    }

    static func play(_ options: Chaos) async throws -> [String] {
        try await Stage.with(options) { stage in
            let began = ContinuousClock.now
            let server = try stage.process.pid
            let contract = try await ContractRequests(stage)
            let messages = callbacks(stage) + backfills(stage)
            var found = await send(messages, stage)
            if let output = try await importing(stage) { found.complaints.append("market import: \(output.suffix(500))") }
            // Behind the messages: what is written here changes the apps, keys and products that these are for.
            let others = await send(contract.requests, stage)
            found.complaints += others.complaints + contract.closed(others.statuses)
            found.statuses.merge(others.statuses) { $0 + $1 }
            let now = try stage.process
            if !now.isRunning || now.pid != server { found.complaints.append("the server did not outlive the integers") }
            try await stage.untilReady()
            if let output = try await stage.verify() { found.complaints.append("market verify: \(output)") }
            let all = messages + contract.requests
            let statuses = Dictionary(grouping: found.statuses.values.joined(), by: \.self).mapValues(\.count).sorted { $0.key < $1.key }
            Report.say(
                "\(found.complaints.isEmpty ? "ok  " : "FAIL") integers: \(all.count) requests, \(values.count) values, "
                    + "\(Set(all.map(\.what)).count) fields of \(Set(all.map(\.operation)).count) operations, answers "
                    + "\(statuses.map { "\($0.key) ×\($0.value)" }.joined(separator: ", ")), "
                    + "seed \(options.number), \((ContinuousClock.now - began).inSeconds) s")
            return try await found.complaints + controls(Array(messages.prefix(senders)), stage)
        }
    }

    /// A server that answers 503 throughout, and one that is gone.
    private static func controls(_ requests: [Request], _ stage: Stage) async throws -> [String] {
        let cluster = stage.cluster
        try await Waiting.blocking { cluster.stop(.immediate) }
        let failing = try await Control.mustFail("a server that answers 503") { _ in await send(requests, stage).complaints }
        let gone = try await Control.mustFail("a server that an integer ended") { _ in
            try stage.process.signal(SIGKILL)
            _ = try await stage.process.ended(within: .seconds(10))
            return await send(requests, stage).complaints
        }
        return failing + gone
    }

    /// Sends all, some at a time; what was answered by operation, and what is wrong with it.
    private static func send(_ requests: [Request], _ stage: Stage) async -> (statuses: [String: [Int]], complaints: [String]) {
        let rest = Shared(requests[...])
        let found = Shared((statuses: [String: [Int]](), complaints: [String]()))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<senders {
                group.addTask {
                    while let request = rest.withLock({ $0.popFirst() }) {
                        var answer: Stage.HTTPAnswer?
                        // 503 says "later", with so many at once: it must not stay so.
                        for _ in 0..<patience {
                            answer = await stage.send(
                                request.method, request.path, token: request.token, body: request.body, type: request.type)
                            if answer?.status != 503 { break }
                            do { try await Task.sleep(for: pause) } catch { break }
                        }
                        found.withLock { [answer] found in
                            if let answer { found.statuses[request.operation, default: []].append(answer.status) }
                            // A backfill answers 200 and says line by line what it could not take; a line that breaks off has no status.
                            if (answer?.status ?? 599) >= 500 {
                                let text = answer.map { "\($0.status) \($0.body.prefix(200))" } ?? "no answer"
                                found.complaints.append("\(request.what): \(request.path) \(request.body?.prefix(300) ?? ""): \(text)")
                            }
                        }
                    }
                }
            }
        }
        return found.withLock { $0 }
    }
}
