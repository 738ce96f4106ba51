import Foundation
import HTTPTypes
import MarketSchema
import PGClient
import PostgresCluster
import Synchronization
import TestSupport
import Testing

@testable import MarketServer

/// A server over a PostgreSQL of the test's own, to be killed and held up.
enum FaultServer {
    static func with(_ body: @escaping @Sendable (TestServer, PrivateCluster) async throws -> Void) async throws {
        try await TestCluster.own { cluster in
            _ = try await Migrator(Schema.migrations).migrate(.init(url: cluster.url()), logger: quiet)
            try await TestServer.with(over: TestDatabase(url: cluster.url(), cluster: cluster)) { try await body($0, cluster) }
        }
    }
}

extension TestServer {
    /// Asks until the server says that it is ready; false when it does not within the limit.
    func becomesReady(within limit: Duration = .seconds(30)) async throws -> Bool {
        let deadline = ContinuousClock.now + limit
        while ContinuousClock.now < deadline {
            if try await call(.get, "/readyz").status == 200 { return true }
        }
        return false
    }

    /// The trade numbers of all recorded events, as the database has them.
    func storedTrades() async throws -> [String] {
        try await services.database.run(SQL("select trade_no from payment_event order by trade_no").values(String.self))
    }
}

/// Names gathered by many tasks.
final class Tally: Sendable {
    private let names = Mutex<Set<String>>([])
    private let ended = Atomic<Bool>(false)

    var all: Set<String> { names.withLock { $0 } }

    /// The number gathered with this one.
    @discardableResult
    func add(_ name: String) -> Int {
        names.withLock { names in
            names.insert(name)
            return names.count
        }
    }

    /// Whether those who gather shall stop.
    var isOver: Bool {
        get { ended.load(ordering: .relaxed) }
        set { ended.store(newValue, ordering: .relaxed) }
    }
}
