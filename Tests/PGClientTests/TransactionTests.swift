import NIOConcurrencyHelpers
import PGClient
import TestSupport
import Testing

@Suite("Transactions")
struct TransactionTests {
    private struct Stop: Error {}

    private static let schema = [
        Migration(
            number: 1, name: "tables",
            sql: """
                create table account (id bigint primary key, amount bigint not null constraint account_not_negative check (amount >= 0));
                insert into account values (1, 100), (2, 100);
                create table parent (id bigint primary key);
                create table child (
                    parent bigint not null constraint child_has_parent references parent deferrable initially deferred
                );
                """)
    ]

    private func with(_ body: @Sendable (PGClient) async throws -> Void) async throws {
        try await TestDatabase.with(Self.schema) { database in try await withClient(database.url) { try await body($0) } }
    }

    private func amounts(_ client: PGClient) async throws -> [Int] {
        try await client.run(SQL("select amount from account order by id").values((Int).self))
    }

    @Test("a failed statement that the body ignores makes COMMIT roll back, and the caller is told", .timeLimit(.minutes(5)))
    func commitTag() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("update account set amount = amount - 10 where id = 1").execute)
                    let ignored = await caught { try await transaction.run(SQL("update account set amount = -1 where id = 2").execute) }
                    #expect(ignored?.constraint == "account_not_negative")
                }
            }
            #expect(error?.kind == .commitRefused)
            #expect(error?.outcome == .notApplied)
            let amounts = try await amounts(client)
            #expect(amounts == [100, 100])
        }
    }

    @Test("a deferred constraint that fails at COMMIT is an error of the server and nothing is kept", .timeLimit(.minutes(5)))
    func deferredAtCommit() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction { transaction in
                    _ = try await transaction.run(
                        SQL("update account set amount = 0").execute, SQL("insert into child values (404)").execute)
                }
            }
            #expect(error?.sqlState == .foreignKeyViolation)
            #expect(error?.constraint == "child_has_parent")
            #expect(error?.outcome == .notApplied)
            let amounts = try await amounts(client)
            #expect(amounts == [100, 100])
        }
    }

    @Test("a savepoint undoes its own part only", .timeLimit(.minutes(5)))
    func savepoint() async throws {
        try await with { client in
            try await client.transaction { transaction in
                _ = try await transaction.run(SQL("update account set amount = 50 where id = 1").execute)
                await #expect(throws: Stop.self) {
                    try await transaction.savepoint { inner in
                        _ = try await inner.run(SQL("update account set amount = 51 where id = 2").execute)
                        throw Stop()
                    }
                }
                // A statement that fails inside leaves the transaction usable, too.
                let error = await caught {
                    try await transaction.savepoint { inner in
                        try await inner.savepoint { _ = try await $0.run(SQL("update account set amount = 60 where id = 2").execute) }
                        _ = try await inner.run(SQL("update account set amount = -1 where id = 1").execute)
                    }
                }
                #expect(error?.sqlState == .checkViolation)
            }
            let amounts = try await amounts(client)
            #expect(amounts == [50, 100])
        }
    }

    @Test("a savepoint that was undone is gone", .timeLimit(.minutes(5)))
    func savepointReleased() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction { transaction in
                    await #expect(throws: Stop.self) { try await transaction.savepoint { _ in throw Stop() } }
                    _ = try await transaction.run(SQL("rollback to savepoint market_1").execute)
                }
            }
            #expect(error?.sqlState?.code == "3B001")
        }
    }

    @Test("transactions that collide under serializable are run again until both are done", .timeLimit(.minutes(5)))
    func serializationRetry() async throws {
        try await with { client in
            let runs = Counter()
            let firstRuns = Barrier(2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (mine, other) in [(1, 2), (2, 1)] {
                    group.addTask {
                        try await client.transaction(.serializable, attempts: 10) { transaction in
                            runs.increment()
                            let amount = try await transaction.run(SQL("select amount from account where id = \(other)").value(Int.self))
                            await firstRuns.arrive()
                            _ = try await transaction.run(SQL("update account set amount = \(amount) + 1 where id = \(mine)").execute)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(runs.value >= 3, "one of the two had to run again")
            let amounts = try await amounts(client)
            // As if one after the other: the second saw what the first wrote.
            #expect(amounts.sorted() == [101, 102])
        }
    }

    @Test("a deadlock is run again", .timeLimit(.minutes(5)))
    func deadlockRetry() async throws {
        try await with { client in
            let runs = Counter()
            let bothHold = Barrier(2)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (first, second) in [(1, 2), (2, 1)] {
                    group.addTask {
                        try await client.transaction(attempts: 5) { transaction in
                            runs.increment()
                            _ = try await transaction.run(SQL("update account set amount = amount + 1 where id = \(first)").execute)
                            await bothHold.arrive()
                            _ = try await transaction.run(SQL("update account set amount = amount + 1 where id = \(second)").execute)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(runs.value == 3)
            let amounts = try await amounts(client)
            #expect(amounts == [102, 102])
        }
    }

    @Test("without further attempts the collision comes out, with nothing applied", .timeLimit(.minutes(5)))
    func noRetry() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction(.repeatableRead) { transaction in
                    _ = try await transaction.run(SQL("select amount from account").values((Int).self))
                    _ = try await client.run(SQL("update account set amount = 7 where id = 1").execute)
                    _ = try await transaction.run(SQL("update account set amount = 8 where id = 1").execute)
                }
            }
            #expect(error?.sqlState == .serializationFailure)
            #expect(error?.outcome == .notApplied)
            let amounts = try await amounts(client)
            #expect(amounts == [7, 100])
        }
    }

    @Test("a read-only transaction cannot write", .timeLimit(.minutes(5)))
    func readOnly() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction(readOnly: true) { _ = try await $0.run(SQL("update account set amount = 0").execute) }
            }
            #expect(error?.sqlState?.code == "25006")
        }
    }

    @Test("a transaction that ends itself is told so instead of being called committed", .timeLimit(.minutes(5)))
    func endedByItself() async throws {
        try await with { client in
            let error = await caught {
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("update account set amount = 1").execute)
                    _ = try await transaction.run(SQL("rollback").execute)
                }
            }
            #expect(error?.kind == .commitRefused)
            #expect(error?.outcome == .unknown)
        }
    }

    @Test("a body that runs nothing costs the server nothing", .timeLimit(.minutes(5)))
    func empty() async throws {
        try await with { client in
            let value = try await client.transaction { _ in 5 }
            #expect(value == 5)
        }
    }
}

/// Lets so many pass together the first time; later ones are not held.
private final class Barrier: Sendable {
    private let state: NIOLockedValueBox<(missing: Int, waiting: [CheckedContinuation<Void, Never>])>

    init(_ count: Int) {
        state = NIOLockedValueBox((count, []))
    }

    func arrive() async {
        await withCheckedContinuation { continuation in
            let released = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
                state.missing -= 1
                guard state.missing > 0 else {
                    defer { state.waiting = [] }
                    return state.waiting + [continuation]
                }
                state.waiting.append(continuation)
                return []
            }
            for waiter in released { waiter.resume() }
        }
    }
}
