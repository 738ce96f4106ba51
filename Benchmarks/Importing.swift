import Billing
import Foundation
import Logging
import PGClient
import PostgresCluster
import ProductCatalog
import ServiceLifecycle

/// Records a made-up history of its own publisher through the same path as `market import`.
struct Importing {
    let cluster: PrivateCluster
    let run: Int
    let events: Int
    let logger: Logger

    /// Events a second: new, and again as duplicates.
    func measure() async throws -> (first: Double, again: Double) {
        var configuration = PGClient.Configuration(url: cluster.socketURL())
        configuration.settings = ["role": "market_server"]
        let client = PGClient(configuration, logger: logger)
        let recorder = EventRecorder(client, logger: logger)
        let services: [any Service] = [client, recorder]
        let group = ServiceGroup(
            configuration: .init(services: services.map { .init(service: $0, successTerminationBehavior: .ignore) }, logger: logger))
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let rates: (Double, Double)
            do {
                rates = try await measure(client, recorder)
            } catch {
                await group.triggerGracefulShutdown()
                throw error
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return rates
        }
    }

    private func measure(_ client: PGClient, _ recorder: EventRecorder) async throws -> (Double, Double) {
        let catalog = Catalog(database: client)
        let (publisher, _) = try await catalog.createPublisher(Publisher.Draft(name: "Bench \(run)", email: "bench@example.com"))
        let (app, _) = try await catalog.createApp(App.Draft(name: "Bench").validated(), of: publisher.id)
        let product = try await catalog.createProduct(
            MessageProduct.Draft(
                name: "Bench", summary: "b", description: "b", contact: "b", resourceIDs: [app.id.rawValue],
                pricePlans: [.init(name: "1 day", amount: Money(fen: 50), addTime: TimeSpan(milliseconds: 86_400_000))]),
            of: publisher.id)
        let lines = History(app: app.id.rawValue, product: product.id.rawValue, events: events, run: run).lines()
        let backfill = Backfill(recorder, mailroom: Mailroom(client), publisher: publisher.id, source: .import)
        let first = try await time { try await record(lines, with: backfill) { $0 == .recorded } }
        let again = try await time { try await record(lines, with: backfill) { $0 == .duplicate } }
        let verification = try await Verification.run(on: client)
        precondition(verification.agrees, "the windows do not agree with the events: \(verification.drifts)")
        return (Double(events) / first, Double(events) / again)
    }

    private func record(_ lines: [[UInt8]], with backfill: Backfill, expecting expected: (RecordOutcome) -> Bool) async throws {
        var right = 0
        try await backfill.run(Chunks(chunks: lines), format: .ndjson) { answers in right += answers.count { expected($0.outcome) } }
        precondition(right == events, "\(right) of \(events) lines were answered as they must be")
    }

    private func time(_ body: () async throws -> Void) async rethrows -> Double {
        let start = ContinuousClock.now
        try await body()
        return (ContinuousClock.now - start) / .seconds(1)
    }
}

/// Payments of subscribers who renew, in the order of time: 1 in 20 is refunded.
struct History {
    let app: Int64
    let product: Int64
    let events: Int
    let run: Int

    /// In chunks as a file would be read.
    func lines() -> [[UInt8]] {
        var chunks: [[UInt8]] = []
        var chunk: [UInt8] = []
        for number in 0..<events {
            let time = 1_700_000_000_000 + Int64(number) * 600
            let uid = "UID_bench\(run)_\((number &* 7919) % max(events / 8, 1))"
            let refund = number % 20 == 19
            let trade = "B\(run)\(10_000_000_000 + (refund ? number - 8 : number))"
            let line =
                "{\"addTime\":\(refund ? -86_400_000 : 2_592_000_000),\"amount\":\(refund ? -10 : 990),\"appId\":\(app),\"createTime\":\(time),"
                + "\"prodId\":\(product),\"tradeNo\":\"\(trade)\",\"type\":\(refund ? 2 : 1),\"uid\":\"\(uid)\"}\n"
            chunk.append(contentsOf: line.utf8)
            if chunk.count > 262_144 {
                chunks.append(chunk)
                chunk = []
            }
        }
        return chunks + [chunk]
    }
}

private struct Chunks: AsyncSequence {
    let chunks: [[UInt8]]

    struct Iterator: AsyncIteratorProtocol {
        var rest: ArraySlice<[UInt8]>
        mutating func next() async -> [UInt8]? { rest.popFirst() }
    }

    func makeAsyncIterator() -> Iterator { Iterator(rest: chunks[...]) }
}
