import CBlockingPQ
import Foundation
import Logging
import PGClient
import PostgresCluster

/// PGClient against libpq as a C program uses it: blocking, with nothing around it. The same prepared look-up, the same values, the same settings of
/// the session; every value that is read is compared with what the table holds, on both sides.
///
/// Both sides run inside this process, so its own processor time is theirs; PostgreSQL's stands apart.
struct ClientAgainstLibPQ {
    let ground: Ground
    let runs: Int
    let logger: Logger

    /// One way of asking. The round trips take a second or so, which makes the figures steady.
    private struct Way {
        let name: String
        let connections: Int
        /// Look-ups in one round trip.
        let depth: Int
        /// Of each connection.
        let rounds: Int
        let goals: [Row.Goal]

        var lookups: Int { connections * depth * rounds }
    }

    private static let ways = [
        Way(name: "one query", connections: 1, depth: 1, rounds: 20_000, goals: [.init(measure: .latency, limit: 1.5)]),
        // The goal is what a look-up costs in all, as everywhere. What our own side of it costs is shown as well: it is the part that we can do something about.
        Way(
            name: "a pipeline of 50", connections: 1, depth: 50, rounds: 3_000,
            goals: [.init(measure: .cpu, limit: 1.2), .init(measure: .ownCPU, limit: nil)]),
        Way(name: "8 connections, one query each", connections: 8, depth: 1, rounds: 5_000, goals: []),
    ]

    private struct Question: Sendable {
        let uid: String
        let payEndTime: Int64
    }

    /// So many subscribers are asked for in turn: enough to leave the server's caches some work, few enough to be held here.
    private static let questions = 5_000

    func rows() async throws -> [Row] {
        let questions = try questions()
        var ours = Self.ways.map { _ in [Figure]() }
        var theirs = ours
        for run in 1...runs {
            for (index, way) in Self.ways.enumerated() {
                // The other one goes first in the next run.
                for turn in run...run + 1 {
                    try ground.settle()
                    if turn.isMultiple(of: 2) {
                        ours[index].append(try await askPGClient(way, questions))
                    } else {
                        theirs[index].append(try askBlocking(way, questions))
                    }
                }
            }
        }
        return zip(Self.ways, zip(ours, theirs)).map { way, figures in
            Row(
                operation: "PGClient: \(way.name)", ours: .median(figures.0), against: "blocking libpq in C", theirs: .median(figures.1),
                goals: way.goals)
        }
    }

    private func questions() throws -> [Question] {
        // In an order that is none of an index, and the same in each run.
        try ground.psql(
            """
            select uid, pay_end_time from paid_window where resource_id = \(ground.secrets.topicId) and uid like '\(Subscribers.prefix)%'
            order by md5(uid) limit \(Self.questions)
            """
        ).split(separator: "\n").map { line in
            let fields = line.split(separator: "|")
            guard fields.count == 2, let payEndTime = Int64(fields[1]) else { throw BenchError("no window: \(line)") }
            return Question(uid: String(fields[0]), payEndTime: payEndTime)
        }
    }

    /// What PGClient sets by itself: a limit of time costs the server a timer for each statement, whoever asks.
    private static let settings = "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=30s"

    // MARK: - libpq

    private func askBlocking(_ way: Way, _ questions: [Question]) throws -> Figure {
        let texts = questions.map { strdup($0.uid) }
        defer { for text in texts { free(text) } }
        let asked = zip(texts, questions).map { blocking_pq_question(uid: $0, pay_end_time: $1.payEndTime) }
        var message = [CChar](repeating: 0, count: 512)
        let conninfo =
            "host=\(ground.cluster.socketFolder.path) port=\(ground.cluster.port) user=\(PrivateCluster.owner) dbname=postgres "
            + "options='\(Self.settings)'"
        guard let pq = blocking_pq_open(conninfo, Int32(way.connections), &message, message.count) else {
            throw BenchError("libpq: \(text(message))")
        }
        defer { blocking_pq_close(pq) }
        var latencies = [Int64](repeating: 0, count: way.connections * way.rounds)
        // The first round trips fill caches.
        for rounds in [Self.warmUp, way.rounds] {
            let meter = try Meter(ground)
            let failed = blocking_pq_ask(
                pq, ground.secrets.topicId, asked, Int32(asked.count), Int32(way.depth), Int32(rounds), &latencies, &message, message.count)
            guard failed == 0 else { throw BenchError("libpq: \(text(message))") }
            if rounds == way.rounds { return try meter.figure(lookups: way.lookups, latencies: latencies) }
        }
        preconditionFailure("the last turn returns")
    }

    /// Round trips of each connection before measuring.
    private static let warmUp = 100

    private func text(_ message: [CChar]) -> String {
        String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    // MARK: - PGClient

    private func askPGClient(_ way: Way, _ questions: [Question]) async throws -> Figure {
        var configuration = PGClient.Configuration(url: ground.cluster.socketURL())
        configuration.maxConnections = way.connections
        let client = PGClient(configuration, logger: logger)
        return try await withThrowingTaskGroup { group in
            group.addTask { try await client.run() }
            defer { group.cancelAll() }
            _ = try await ask(client, way, rounds: Self.warmUp, questions)
            let meter = try Meter(ground)
            let latencies = try await ask(client, way, rounds: way.rounds, questions)
            return try meter.figure(lookups: way.lookups, latencies: latencies)
        }
    }

    /// - Returns: nanoseconds of each round trip.
    private func ask(_ client: PGClient, _ way: Way, rounds: Int, _ questions: [Question]) async throws -> [Int64] {
        if way.connections == 1 { return try await ask(client, way, rounds: rounds, from: 0, questions) }
        return try await withThrowingTaskGroup { group in
            for connection in 0..<way.connections {
                let first = questions.count / way.connections * connection
                group.addTask { try await ask(client, way, rounds: rounds, from: first, questions) }
            }
            var all: [Int64] = []
            for try await latencies in group { all += latencies }
            return all
        }
    }

    private func ask(_ client: PGClient, _ way: Way, rounds: Int, from first: Int, _ questions: [Question]) async throws -> [Int64] {
        let resource = ground.secrets.topicId
        var latencies: [Int64] = []
        latencies.reserveCapacity(rounds)
        var next = first
        for _ in 0..<rounds {
            let start = ContinuousClock.now
            if way.depth == 1 {
                let question = questions[next]
                guard try await client.run(Self.lookUp(resource, question.uid)) == question.payEndTime else { throw wrong }
            } else {
                var queries: [Query<Int64>] = []
                queries.reserveCapacity(way.depth)
                for n in 0..<way.depth { queries.append(Self.lookUp(resource, questions[(next + n) % questions.count].uid)) }
                for (n, value) in try await client.runAll(queries).enumerated()
                where value != questions[(next + n) % questions.count].payEndTime { throw wrong }
            }
            let (seconds, attoseconds) = (ContinuousClock.now - start).components
            latencies.append(seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
            next = (next + way.depth) % questions.count
        }
        return latencies
    }

    private static func lookUp(_ resource: Int64, _ uid: String) -> Query<Int64> {
        SQL("select pay_end_time from paid_window where resource_id = \(resource) and uid = \(uid)").value()
    }

    private var wrong: BenchError { BenchError("PGClient: another value than is stored") }
}

/// The clock, this process's processor time and PostgreSQL's, from the moment it is made.
private struct Meter {
    private let ground: Ground
    private let start: ContinuousClock.Instant
    private let own: Double
    private let postgres: Double

    init(_ ground: Ground) throws {
        self.ground = ground
        postgres = try ground.postgresTime()
        own = ProcessTime.ofSelf()
        start = .now
    }

    /// - Parameter latencies: nanoseconds of each round trip.
    func figure(lookups: Int, latencies: [Int64]) throws -> Figure {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let own = ProcessTime.ofSelf() - own
        let postgres = try ground.postgresTime() - postgres
        return Figure(
            rate: Double(lookups) / seconds, own: own / Double(lookups) * 1e6, postgres: postgres / Double(lookups) * 1e6,
            latency: Double(latencies.sorted()[latencies.count / 2]) / 1_000)
    }
}
