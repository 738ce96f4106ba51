import MarketSchema
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

@testable import MarketServer

@Suite("What works by itself on a database that is still to be looked at")
struct GatedTests {
    private final class Work: Service {
        private let began = Mutex(false)
        var hasBegun: Bool { began.withLock { $0 } }
        func run() async throws { began.withLock { $0 = true } }
    }

    private func with(_ body: @Sendable (Gated, Work) async throws -> Void) async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            var settings = ServerSettings(databaseURL: database.url)
            // The tests' cluster does without what costs time.
            settings.allowsUnsafeDatabase = true
            let services = try AppServices(settings, logger: quiet)
            let work = Work()
            try await withServices([services.database]) { try await body(Gated(service: work, gate: DatabaseSafety(services)), work) }
        }
    }

    @Test("begins once it was found safe", .timeLimit(.minutes(5)))
    func begins() async throws {
        try await with { gated, work in
            async let running: Void = gated.run()
            try await gated.gate.check()
            try await running
            #expect(work.hasBegun)
        }
    }

    @Test("never begins when the server stops before", .timeLimit(.minutes(5)))
    func stopped() async throws {
        try await with { gated, work in
            let task = Task { try await gated.run() }
            task.cancel()
            try await task.value
            #expect(!work.hasBegun)
        }
    }
}
