import ArgumentParser
import Billing
import Foundation
import Logging
import MarketSchema
import PGClient
import PostgresCluster
import ProductCatalog

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

    func run() async throws {
        var logger = Logger(label: "market.dev", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .notice
        let here = URL(filePath: FileManager.default.currentDirectoryPath, directoryHint: .isDirectory)
        let home = URL(filePath: folder, directoryHint: .isDirectory, relativeTo: here).standardizedFileURL
        Self.say("starting PostgreSQL in \(home.path) …")
        let cluster = try PrivateCluster.start(folder: home, settings: ["shared_buffers": "128MB"], logger: logger)
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
        let market = try await open(server, logger: logger)
        // Not print, which keeps what it is given while standard output is no terminal.
        FileHandle.standardOutput.write(Data(Self.welcome(market, port: port, databaseURL: cluster.url(database: "market")).utf8))
        try await Serving.serve(
            ServerSettings(
                databaseURL: server, port: port, publicURL: "http://127.0.0.1:\(port)", operatorToken: Self.operatorToken),
            logger: logger)
    }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data("market dev: \(text)\n".utf8))
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

    /// The demo market: made and filled in the first run, opened with new secrets in later ones.
    private func open(_ url: String, logger: Logger) async throws -> DemoMarket {
        var configuration = PGClient.Configuration(url: url)
        configuration.settings = ["role": "market_server"]
        let client = PGClient(configuration, logger: logger)
        let recorder = EventRecorder(client, logger: logger)
        let events = events
        return try await withRunning([client, recorder], logger: logger) {
            let catalog = Catalog(database: client)
            if let market = try await DemoMarket.reopen(in: catalog) { return market }
            Self.say("seeding a demo market with \(events) payment events …")
            let market = try await DemoMarket.make(in: catalog)
            try await market.record(events: events, seed: 1, with: recorder, on: client)
            return market
        }
    }

    static func welcome(_ market: DemoMarket, port: Int, databaseURL: String) -> String {
        let base = "http://127.0.0.1:\(port)"
        let key = market.apiKey.secret
        return """

            The market is open at \(base). Paste any of these into another terminal:

            # the public catalog
            curl -s '\(base)/v1/market/products?search=tides'

            # the hosted platform's callback, as its documentation has it; a second time it is a duplicate
            curl -s '\(base)/v1/inbound/\(market.inboundKey.secret)' -d '{"action":"order_pay","data":{"addTime":86400000,"amount":50,"appId":30630,"createTime":1664118481675,"prodId":12,"tradeNo":"202209252308016755383125546","type":1,"uid":"UID_xxxxxxx"}}'

            # was he entitled at that moment, and why
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/entitlements?resourceId=\(market.topic.id)&uid=UID_xxxxxxx&at=1664118481675'
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/entitlements/explain?resourceId=\(market.topic.id)&uid=UID_xxxxxxx'
            curl -s '\(base)/api/product/query-pay-end-time?uid=UID_xxxxxxx&prodId=\(market.products[0])'

            # who receives a paid message now, and how many
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/resources/\(market.topic.id)/audience?mode=paid&count=only'
            curl -s -H 'Authorization: Bearer \(key)' -H 'Accept: text/csv' '\(base)/v1/resources/\(market.topic.id)/audience?mode=paid' | head

            # the event feed
            curl -s -H 'Authorization: Bearer \(key)' '\(base)/v1/events?limit=3'

            # a publisher of your own
            curl -s -H 'Authorization: Bearer \(operatorToken)' -H 'Content-Type: application/json' '\(base)/v1/publishers' -d '{"name":"Me","email":"me@example.com"}'

            The database: psql '\(databaseURL)'
            Ctrl-C stops the server and its PostgreSQL.

            """
    }
}
