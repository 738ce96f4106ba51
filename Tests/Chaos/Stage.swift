import Foundation
import Logging
import PGClient
import PostgresCluster
import Synchronization
import TestSupport

/// Where a fault is played: a PostgreSQL of its own, durable as in production, a demo market in it, and the real server on a socket.
final class Stage: Sendable {
    /// What a stage is set up with.
    struct Plan: Sendable {
        var settings: [String: String] = [:]
        /// The server reaches its database through a proxy that knows a COMMIT when it sees one.
        var isProxied = false
        /// The server is told to serve on an unsafe database: for controls.
        var allowsUnsafe = false
        /// It is expected that the server does not start.
        var isRefused = false
        /// A file system of its own for the data, of so many bytes; nil for the one that is there.
        var volume: Int?
    }

    let options: Chaos
    let cluster: PrivateCluster
    let folder: URL
    let proxy: CommitProxy?
    let market: DemoSeed
    private let plan: Plan
    /// Where the server listens, on 127.0.0.1.
    let port: Int
    private let server = Mutex<MarketProcess?>(nil)

    static let operatorToken = "op_of_a_run_of_chaos_alone"
    private static let login = "market_app"
    private static let reader = "chaos_reader"

    /// What `market demo seed` prints.
    struct DemoSeed: Decodable, Sendable {
        let publisherId: Int64
        let apiKey: String
        let appId: Int64
        let topicId: Int64
        let productIds: [Int64]
        let inboundUrl: String

        var inboundPath: String { "/v1/inbound/" + (inboundUrl.split(separator: "/").last ?? "") }
    }

    /// Lends a stage whose server is ready. All of it is gone afterwards, but what it logged when the body throws.
    static func with<R>(_ options: Chaos, _ plan: Plan = Plan(), _ body: (Stage) async throws -> R) async throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-chaos-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let volume = try plan.volume.map { try Volume(at: folder.appending(path: "postgres/data"), bytes: $0) }
        var logger = Logger(label: "chaos")
        logger.logLevel = .error
        let clusterFolder = folder.appending(path: "postgres")
        let (settings, clusterLogger) = (plan.settings, logger)
        let cluster = try await Waiting.blocking {
            try PrivateCluster.start(folder: clusterFolder, settings: settings, logger: clusterLogger)
        }
        let result: Result<R, any Error>
        do {
            let stage = try await Stage(plan, options, cluster, folder)
            do {
                try await stage.startServer()
                result = .success(try await body(stage))
            } catch {
                result = .failure(error)
            }
            await stage.close()
        } catch {
            result = .failure(error)
        }
        cluster.stop(.immediate)
        try volume?.remove()
        // What a server that was expected to start wrote is worth a look; the data is not.
        if case .failure = result, !plan.isRefused, FileManager.default.fileExists(atPath: folder.appending(path: "server.log").path) {
            try FileManager.default.removeItem(at: clusterFolder)
            Report.say("     what the server logged is in \(folder.path)")
        } else {
            try FileManager.default.removeItem(at: folder)
        }
        try FileManager.default.removeItem(at: cluster.socketFolder)
        return try result.get()
    }

    private init(_ plan: Plan, _ options: Chaos, _ cluster: PrivateCluster, _ folder: URL) async throws {
        self.plan = plan
        self.options = options
        self.cluster = cluster
        self.folder = folder
        port = try PrivateCluster.freePort()
        proxy = plan.isProxied ? try CommitProxy(to: cluster.port) : nil
        _ = try Shell.run(options.program.path, ["migrate", "--database-url", cluster.url(), "--log-level", "warning"])
        try await Self.makeRoles(cluster)
        let output = try Shell.run(options.program.path, ["demo", "seed", "--database-url", cluster.url(user: Self.login)])
        guard let line = output.split(separator: "\n").first(where: { $0.hasPrefix("{") }) else { throw ChaosError("demo seed: \(output)") }
        market = try JSONDecoder().decode(DemoSeed.self, from: Data(line.utf8))
    }

    /// The server's login, as in production, and one that sees every row of what is compared and changes none.
    private static func makeRoles(_ cluster: PrivateCluster) async throws {
        let connection = try await AdministrativeConnection(cluster.url(), logger: quiet)
        try await connection.script(
            """
            create role \(login) login;
            grant market_server to \(login);
            create role \(reader) login bypassrls;
            grant usage on schema public to \(reader);
            grant select on payment_event, paid_window, quarantine to \(reader);
            alter role \(reader) set default_transaction_read_only = on;
            """)
        await connection.close()
    }

    private func close() async {
        if let process = server.withLock({ $0 }), process.isRunning {
            process.signal(SIGKILL)
            do {
                _ = try await process.ended(within: .seconds(10))
            } catch {
                Report.say("\(error)")
            }
        }
        proxy?.close()
    }

    // MARK: The server

    var log: URL { folder.appending(path: "server.log") }

    var process: MarketProcess {
        get throws {
            guard let process = server.withLock({ $0 }) else { throw ChaosError("there is no server") }
            return process
        }
    }

    /// Starts the server without waiting for it.
    func spawnServer() throws {
        let url =
            proxy.map { "postgresql://\(Self.login)@127.0.0.1:\($0.port)/postgres?sslmode=disable&gssencmode=disable" }
            ?? cluster.url(user: Self.login)
        let process = try MarketProcess(
            program: options.program, arguments: ["serve"] + (plan.allowsUnsafe ? ["--allow-unsafe-database"] : []),
            environment: [
                "DATABASE_URL": url, "MARKET_PORT": "\(port)", "MARKET_OPERATOR_TOKEN": Self.operatorToken, "MARKET_LOG_LEVEL": "warning",
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin",
            ], log: log)
        server.withLock { $0 = process }
    }

    /// Starts the server and waits until it is ready.
    func startServer() async throws {
        try spawnServer()
        try await untilReady()
    }

    /// Begins the error when the server did not become ready because it ended.
    static let endedByItself = "the server ended by itself"

    private func lastOfLog() -> String {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""  // No log: nothing to show.
        return String(text.suffix(1_000))
    }

    func untilReady() async throws {
        try await Waiting.until("the server is ready") {
            guard try process.isRunning else { throw ChaosError("\(Self.endedByItself): \(lastOfLog())") }
            return try await get("/readyz")?.status == 200
        }
    }

    /// `market verify` as the server's role: nil when all agrees, else what it printed.
    func verify() async throws -> String? {
        let (program, url) = (options.program.path, cluster.url(user: Self.login))
        return try await Waiting.blocking {
            do {
                try Shell.run(program, ["verify", "--database-url", url])
                return nil
            } catch PrivateClusterError.commandFailed(_, let output) {
                return output
            }
        }
    }

    /// `market import` of a file of CSV: nil when it came to its end, whatever it kept in quarantine; else what it printed.
    func importFile(_ file: URL) async throws -> String? {
        let arguments = [
            "import", file.path, "--database-url", cluster.url(user: Self.login), "--publisher", "\(market.publisherId)", "--quiet",
        ]
        let process = try MarketProcess(
            program: options.program, arguments: arguments, environment: ["PATH": "/usr/bin:/bin"],
            log: folder.appending(path: "import.log"))
        let status = try await process.ended(within: .seconds(60))
        // 3 says that some lines are in quarantine.
        return [0, 3].contains(status) ? nil : "ended with \(status)"
    }

    /// Lends a client that may do anything: as the owner of it all, for what a hand in the database could do.
    func owning<R: Sendable>(_ body: @Sendable (PGClient) async throws -> R) async throws -> R {
        try await withClient(cluster.url()) { try await body($0) }
    }

    /// Lends a client that may read what is compared, and nothing else.
    func reading<R: Sendable>(_ body: @Sendable (PGClient) async throws -> R) async throws -> R {
        try await withClient(cluster.url(user: Self.reader)) { try await body($0) }
    }
}
