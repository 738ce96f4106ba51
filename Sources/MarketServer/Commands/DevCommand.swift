import ArgumentParser
import Billing
import Foundation
import Logging
import MarketSchema
import PGClient
import PostgresCluster

/// `market dev`: everything that it takes to try the server, in one process: a private PostgreSQL, a demo market, the server itself.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Make a private PostgreSQL, seed a demo market, serve, and print what to try. Ctrl-C stops all of it.",
        discussion: "The data stays in the folder and is used again by the next run; delete the folder to begin anew.")

    @Option(help: "Where the private PostgreSQL keeps its data.")
    var folder = ".market"
    @Option(help: "Port of the server.")
    var port = 8080
    @Option(help: "Events of the made-up history.")
    var events = 2_000

    /// Known to everybody who reads this: for a server that only this machine can reach.
    static let operatorToken = "op_development_only_do_not_use"

    func validate() throws {
        guard ServerSettings.ports.contains(port) else {
            throw ValidationError("--port: an integer from \(ServerSettings.ports.lowerBound) to \(ServerSettings.ports.upperBound)")
        }
        guard events >= 0 else { throw ValidationError("--events: 0 or more") }
    }

    func run() async throws {
        // Before anything is made or started for it.
        let port = port == 0 ? try PrivateCluster.freePort() : port
        try ListeningAddress(host: "127.0.0.1", port: port).probe()
        let here = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        let home = URL(filePath: folder, directoryHint: .isDirectory, relativeTo: here).standardizedFileURL
        try await DevFolder.with(home) { try await run(in: $0, port: port) }
    }

    private func run(in folder: DevFolder, port: Int) async throws {
        let logger = commandLogger("market.dev")
        try await folder.awaitEarlierPostgres(say: Self.say)
        Self.say("starting PostgreSQL in \(folder.url.path) …")
        let cluster = try PrivateCluster.start(folder: folder.url, settings: ["shared_buffers": "128MB"], logger: logger)
        defer {
            Self.say("stopping PostgreSQL …")
            cluster.stop()
        }
        let owner = cluster.socketURL(database: "market")
        try await makeDatabase(cluster, logger: logger)
        let applied = try await Migrator(Schema.migrations).migrate(.init(url: owner), logger: logger)
        if !applied.isEmpty { Self.say("applied migrations \(applied.map(String.init).joined(separator: ", "))") }
        try await ServerLogin.make(owner, logger: logger)
        let server = cluster.socketURL(database: "market", user: ServerLogin.name)
        let welcome = try await open(server, in: cluster.folder, logger: logger)
            .welcome(port: port, databaseURL: cluster.url(database: "market"))
        try await Serving.serve(
            ServerSettings(
                databaseURL: server, port: port, publicURL: "http://127.0.0.1:\(port)", operatorToken: Self.operatorToken),
            logger: logger
        ) {
            Console.say(welcome)
        }
    }

    @Sendable
    private static func say(_ text: String) {
        Console.tell("market dev: \(text)")
    }

    private func makeDatabase(_ cluster: PrivateCluster, logger: Logger) async throws {
        let connection = try await AdministrativeConnection(cluster.socketURL(), logger: logger)
        do {
            let found = try await connection.rowCount("select from pg_database where datname = 'market'")
            if found == 0 { _ = try await connection.script("create database market") }
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    private func open(_ url: String, in folder: URL, logger: Logger) async throws -> DemoMarket {
        var configuration = PGClient.Configuration(url: url)
        configuration.settings = EventRecorder.recordingSettings.merging(["role": "market_server"]) { $1 }
        let client = PGClient(configuration, logger: logger)
        let recorder = EventRecorder(client, logger: logger)
        let opening = DemoOpening(folder: folder, client: client, recorder: recorder, say: Self.say)
        // The server traps signals. One that comes before ends the process, and PostgreSQL with it; the next start completes what is begun.
        return try await withRunning([client, recorder], trapping: [], logger: logger) { try await opening.market(events: events) }
    }
}
