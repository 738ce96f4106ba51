import PGClient
import ProductCatalog

/// What was known at an instant can be told for good only when every transaction that could still record something by then has ended: an event says
/// when it was recorded, and its transaction commits a little later.
enum Settling {
    /// Past this age nothing is waited for: no transaction that records is open for so long.
    private static let age = TimeSpan(milliseconds: 120_000)
    /// How far ahead of the database's clock the caller's may run and still mean now.
    private static let skew = TimeSpan(milliseconds: 1_000)
    /// Recording takes milliseconds; a foreign transaction on the cluster may stay open for long, and then the answer is "later".
    private static let usualPatience: Duration = .seconds(10)
    /// Between two looks at the database's clock, which nobody announces: about what recording a batch takes.
    private static let pause: Duration = .milliseconds(2)

    /// Returns once what was recorded by the instant is all there.
    ///
    /// - Throws: `NotSettled` when an older transaction stays open; `PGError` from the database.
    static func wait(for knownAt: Instant?, in database: PGClient, patience: Duration = usualPatience) async throws {
        guard let knownAt else { return }
        let deadline = ContinuousClock.now + patience
        var clock = try await database.run(TransactionClock.current)
        guard knownAt + age > clock.now, clock.now + skew > knownAt else { return }
        // What begins in the same millisecond may still record at it.
        while clock.now <= knownAt { clock = try await next(deadline, in: database) }
        // A number of our own: a snapshot's upper end leaves out those that are the newest and still open.
        let begun = try await database.run(TransactionClock.number)
        clock = try await database.run(TransactionClock.current)
        while clock.oldest < begun { clock = try await next(deadline, in: database) }
    }

    private static func next(_ deadline: ContinuousClock.Instant, in database: PGClient) async throws -> TransactionClock {
        guard ContinuousClock.now < deadline else { throw NotSettled() }
        try await Task.sleep(for: pause)
        return try await database.run(TransactionClock.current)
    }
}

/// A transaction that could have recorded by the instant in question has not ended.
public struct NotSettled: Error {}

/// The database's clock, and the oldest transaction that is open.
struct TransactionClock: PGRowDecodable, Sendable {
    let now: Instant
    let oldest: Int64

    init(row: PGRow) throws(PGError) {
        (now, oldest) = try row.decode()
    }

    static let current: Query<TransactionClock> = SQL("select now_ms(), pg_snapshot_xmin(pg_current_snapshot())::text::bigint").one()

    /// Draws a number: all transactions that have written have lower ones, and those that write from now on higher ones.
    static let number: Query<Int64> = SQL("select pg_current_xact_id()::text::bigint").value()
}
