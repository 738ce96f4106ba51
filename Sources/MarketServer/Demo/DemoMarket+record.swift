import Billing
import PGClient
import ProductCatalog

extension DemoMarket {
    /// Records a made-up history of this market. What is recorded already is a duplicate and changes nothing.
    func record(_ plan: DemoPlan, with recorder: EventRecorder, on client: PGClient) async throws {
        guard plan.events > 0 else { return }
        let history = DemoHistory(events: plan.events, seed: plan.seed, products: Self.sold, end: plan.end)
        let backfill = Backfill(recorder, mailroom: Mailroom(client), publisher: publisher.id, source: .import)
        try await backfill.run(HistoryChunks(history: history), format: .ndjson) { _ in }
    }
}

/// A history as a stream of lines.
private struct HistoryChunks: AsyncSequence, Sendable {
    let history: DemoHistory

    struct Iterator: AsyncIteratorProtocol {
        var lines: DemoHistory.Iterator

        mutating func next() async throws -> [UInt8]? {
            try Task.checkCancellation()
            return lines.next().map { Array($0.utf8) + [0x0A] }
        }
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(lines: history.makeIterator())
    }
}
