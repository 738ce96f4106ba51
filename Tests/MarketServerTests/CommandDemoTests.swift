import Billing
import Foundation
import MarketSchema
import PGClient
import ProductCatalog
import Synchronization
import TestSupport
import Testing

@testable import MarketServer

@Suite("The demo market of `market dev`")
struct CommandDemoTests {
    private static let events = 300

    /// Lends an opening of a market in a fresh database, what it says, and the number of recorded events.
    private func with(
        _ body: @escaping @Sendable (DemoOpening, @Sendable () -> [String], @Sendable () async throws -> Int) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-demo-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await TestDatabase.with(Schema.migrations) { database in
            var configuration = PGClient.Configuration(url: database.url)
            configuration.settings = ["role": "market_server"]
            let client = PGClient(configuration, logger: quiet)
            let recorder = EventRecorder(client, logger: quiet)
            let said = Said()
            let opening = DemoOpening(folder: folder, client: client, recorder: recorder) { line in said.lines.withLock { $0.append(line) }
            }
            try await withServices([client, recorder]) {
                try await body(opening, { said.lines.withLock { $0 } }) {
                    try await client.run(SQL("select count(*)::int from payment_event").value(Int.self))
                }
            }
        }
    }

    private final class Said: Sendable {
        let lines = Mutex<[String]>([])
    }

    @Test("it is filled once, and opened from then on")
    func once() async throws {
        try await with { opening, said, count in
            let made = try await opening.market(events: Self.events)
            let filled = try await count()
            let opened = try await opening.market(events: 7)
            #expect(made.publisher.id == opened.publisher.id && made.products == opened.products)
            #expect(filled > Self.events * 9 / 10)
            #expect(try await count() == filled)
            #expect(said() == ["seeding a demo market with \(Self.events) payment events …"])
        }
    }

    @Test("one whose filling was interrupted is completed by the next start, which says so", arguments: [false, true])
    func completed(isHalfFilled: Bool) async throws {
        try await with { opening, said, count in
            let plan = DemoPlan(events: Self.events, seed: 1)
            try plan.keep(in: opening.folder)
            let catalog = Catalog(database: opening.client)
            if isHalfFilled {
                let market = try await DemoMarket.make(in: catalog)
                let recorder = opening.recorder
                let half = DemoHistory(events: Self.events, seed: 1, products: DemoMarket.sold, end: plan.end).prefix(Self.events / 2)
                let lines = AsyncStream { stream in
                    for line in half { stream.yield(Array((line + "\n").utf8)) }
                    stream.finish()
                }
                let backfill = Backfill(recorder, mailroom: Mailroom(opening.client), publisher: market.publisher.id, source: .import)
                try await backfill.run(lines, format: .ndjson) { _ in }
            }
            let begun = try await count()
            let market = try await opening.market(events: 7)
            let filled = try await count()
            #expect(begun < filled && filled > Self.events * 9 / 10)
            #expect(said().first?.contains("was interrupted") == true && said().last?.contains("\(Self.events) payment events") == true)
            #expect(try await catalog.publishers(below: nil, limit: 10).count == 1)
            #expect(try await catalog.product(market.products[1], of: nil).product.listing == .listed)
            // The same history again, whole: nothing of it is new.
            try await market.record(plan, with: opening.recorder, on: opening.client)
            #expect(try await count() == filled)
            #expect(try DemoPlan.kept(in: opening.folder)?.isComplete == true)
        }
    }

    @Test("a folder belongs to one `market dev` at a time")
    func folder() async throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "market-dev-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: url) }
        try await DevFolder.with(url) { _ in
            let error = await #expect(throws: CommandFailure.self) { try await DevFolder.with(url) { _ in } }
            #expect(error?.description.hasPrefix("another `market dev` runs on the folder \(url.path)") == true)
        }
        try await DevFolder.with(url) { try await $0.awaitEarlierPostgres { _ in Issue.record("nothing runs there") } }
    }
}
