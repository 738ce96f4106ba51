import ArgumentParser
import Billing
import Foundation
import Logging
import PGClient
import ProductCatalog

/// `market demo`: seeds a market, and makes payment histories of any size.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Seed a small market, or write a payment history for it.",
        subcommands: [Seed.self, History.self],
        defaultSubcommand: Seed.self)

    /// `market demo seed`
    struct Seed: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a publisher with an app, a topic and two listed products; print its secrets.")

        @OptionGroup var database: DatabaseOptions
        @Option(name: .customLong("public-url"), help: "Where the server will be reached, for the address that callbacks go to.")
        var publicURL = "http://127.0.0.1:8080"
        @Option(help: "Record this many events of a made-up history, too.")
        var events = 0
        @Option(help: "Seed of the history.")
        var seed: UInt64 = 1

        func validate() throws {
            guard events >= 0 else { throw ValidationError("--events: 0 or more") }
            guard PublicURL.read(publicURL) != nil else { throw ValidationError("--public-url: \(PublicURL.due)") }
        }

        func run() async throws {
            let logger = commandLogger("market.demo")
            let client = try database.client(settings: EventRecorder.recordingSettings, logger: logger)
            let recorder = EventRecorder(client, logger: logger)
            let plan = DemoPlan(events: events, seed: seed)
            let address = PublicURL.read(publicURL) ?? publicURL
            let market = try await withRunning([client, recorder], logger: logger) {
                try await Migrator.requireCurrent(client)
                let market = try await DemoMarket.make(in: Catalog(database: client))
                try await market.record(plan, with: recorder, on: client)
                return market
            }
            print(
                """
                {"publisherId":\(market.publisher.id),"apiKey":"\(market.apiKey.secret)","appId":\(market.app.id),"topicId":\(market.topic.id),\
                "productIds":[\(market.products.map(\.description).joined(separator: ","))],"appToken":"\(market.appToken.secret)",\
                "inboundUrl":"\(address)/v1/inbound/\(market.inboundKey.secret)"}
                """)
        }
    }

    /// `market demo history`
    struct History: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a history of the demo market as NDJSON.",
            discussion: """
                Few subscribers pay often and many seldom (Zipf); there are renewals, lapses, partial and full refunds; deliveries come late, out of order \
                and again. The same seed makes the same history. `market import` reads it.
                """)

        @Option(help: "Distinct events; the lines are some 3 % more, for repeats.")
        var events = 1_000_000
        @Option(help: "The same seed makes the same history.")
        var seed: UInt64 = 1
        @Option(help: "When the history ends, in ms since 1970; it is two years long.")
        var end: Int64 = 1_790_000_000_000
        @Option(help: "The app's number in the messages.")
        var app = DemoMarket.externalAppID
        @Option(help: "The products' numbers in the messages.")
        var product = [DemoMarket.externalProductID, DemoMarket.externalProductID + 1]

        func validate() throws {
            guard events >= 1, !product.isEmpty else { throw ValidationError("--events and --product: one at least") }
            guard end >= 1_500_000_000_000, end <= Int64(Date().timeIntervalSince1970 * 1000) else {
                throw ValidationError("--end: from 2017 to now")
            }
        }

        func run() throws {
            let history = DemoHistory(
                events: events, seed: seed, products: product.map { DemoHistory.Product(appID: app, productID: $0) }, end: end)
            var buffer: [UInt8] = []
            for line in history {
                buffer.append(contentsOf: line.utf8)
                buffer.append(0x0A)
                if buffer.count > 1 << 20 {
                    try FileHandle.standardOutput.write(contentsOf: Data(buffer))
                    buffer.removeAll(keepingCapacity: true)
                }
            }
            try FileHandle.standardOutput.write(contentsOf: Data(buffer))
        }
    }
}
