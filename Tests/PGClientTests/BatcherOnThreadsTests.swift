import Foundation
import PGClient
import Synchronization
import TestSupport
import Testing

@Suite("Batcher on a connection's thread")
struct BatcherOnThreadsTests {
    private static let pid = SQL("select pg_backend_pid()").value(Int32.self)

    /// Answers each request with the backend that was asked.
    private static func batcher(on client: PGClient) -> PGBatcher<Int, Int32> {
        PGBatcher(label: "test", maxBatch: 100, maxQueued: 10_000, onThreadsOf: client) { session, requests in
            do {
                let backend = try await session.run(pid)
                return requests.map { _ in .success(backend) }
            } catch {
                return requests.map { _ in .failure(error) }
            }
        }
    }

    @Test("a connection that dies between two groups is replaced, and nobody hears of it", .timeLimit(.minutes(5)))
    func replaced() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.maxConnections = 2 }) { client in
                let batcher = Self.batcher(on: client)
                try await withServices([batcher]) {
                    for _ in 1...20 {
                        let backend = try await batcher.submit(1)
                        try await client.transaction { other in
                            let own = try await other.run(Self.pid)
                            if own != backend {
                                _ = try await other.run(SQL("select pg_terminate_backend(\(backend), 10000)").value(Bool.self))
                            }
                        }
                        let next = try await batcher.submit(2)
                        #expect(next > 0)
                    }
                }
                #expect(client.metrics.open == client.metrics.idle)
            }
        }
    }

    @Test("a group that is in flight when its connection dies is told so, the next one is answered", .timeLimit(.minutes(5)))
    func lostInFlight() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.maxConnections = 2 }) { client in
                let batcher = PGBatcher<Int32, Int32>(label: "test", maxBatch: 1, maxQueued: 100, onThreadsOf: client) {
                    session, requests in
                    do {
                        // The first one ends itself.
                        let query = SQL("select case when \(requests[0]) = 0 then pg_terminate_backend(pg_backend_pid()) end").execute
                        _ = try await session.run(query)
                        return [.success(requests[0])]
                    } catch {
                        return [.failure(error)]
                    }
                }
                try await withServices([batcher]) {
                    let lost = await caught { try await batcher.submit(0) }
                    #expect(lost != nil)
                    let next = try await batcher.submit(1)
                    #expect(next == 1)
                }
                #expect(client.metrics.open == client.metrics.idle)
            }
        }
    }

    @Test("with no end of groups the only connection is given to others who wait for it", .timeLimit(.minutes(5)))
    func givenUp() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { ($0.maxConnections, $0.acquireTimeout) = (1, .seconds(60)) }) { client in
                let batcher = Self.batcher(on: client)
                let isOver = Mutex(false)
                try await withServices([batcher]) {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        let answered = Counter()
                        // Two, one of whom always waits while the other one's group is in flight.
                        for number in 1...2 { Self.askOn(batcher, number, answered) { isOver.withLock { $0 } } }
                        try await eventually { answered.value > 10 }
                        for _ in 1...20 { group.addTask { _ = try await client.run(Self.pid) } }
                        try await group.waitForAll()
                        isOver.withLock { $0 = true }
                    }
                }
            }
        }
    }

    /// Asks again from within each answer: so something always waits.
    private static func askOn(
        _ batcher: PGBatcher<Int, Int32>, _ number: Int, _ answered: Counter, isOver: @escaping @Sendable () -> Bool
    ) {
        batcher.submit(number) { _ in
            answered.increment()
            if !isOver() { askOn(batcher, number, answered, isOver: isOver) }
        }
    }

    @Test("without a database each is told so", .timeLimit(.minutes(5)))
    func noDatabase() async throws {
        try await withClient("host=/nowhere user=nobody") { client in
            let batcher = Self.batcher(on: client)
            try await withServices([batcher]) {
                for _ in 1...3 {
                    let error = await caught { try await batcher.submit(1) }
                    #expect(error?.kind == .connection && error?.outcome == .notApplied)
                }
            }
        }
    }
}
