import PGClient
import TestSupport
import Testing

@Suite("Cancellation")
struct CancellationTests {
    /// How many sessions run a statement that holds the marker.
    private func running(_ marker: String, _ watcher: PGClient) async throws -> Int {
        try await watcher.run(
            SQL("select count(*) from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and strpos(query, \(marker)) > 0")
                .value(Int.self))
    }

    @Test("cancelling a task ends its statement on the server and says that nothing was written", .timeLimit(.minutes(5)))
    func reachesTheServer() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int)")
            try await withClient(database.url) { client in
                let error = try await withThrowingTaskGroup(of: PGError?.self) { group in
                    group.addTask {
                        await caught {
                            try await client.run(SQL("insert into t select 1 from (select pg_sleep(600)) as marker_one").execute)
                        }
                    }
                    try await eventually { try await running("marker_one", client) == 1 }
                    group.cancelAll()
                    return try await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled)
                #expect(error?.outcome == .notApplied)
                let left = try await running("marker_one", client)
                #expect(left == 0)
                let rows = try await client.run(SQL("select count(*) from t").value(Int.self))
                #expect(rows == 0)
                #expect(client.metrics.open <= 2)
            }
        }
    }

    @Test("cancelling a transaction rolls it back and frees its locks", .timeLimit(.minutes(5)))
    func rollsBack() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int primary key)")
            try await withClient(database.url) { client in
                let error = try await withThrowingTaskGroup(of: PGError?.self) { group in
                    group.addTask {
                        await caught {
                            try await client.transaction { transaction in
                                _ = try await transaction.run(SQL("insert into t values (1)").execute)
                                _ = try await transaction.run(SQL("select pg_sleep(600) as marker_two").execute)
                            }
                        }
                    }
                    try await eventually { try await running("marker_two", client) == 1 }
                    group.cancelAll()
                    return try await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled)
                #expect(error?.outcome == .notApplied)
                // Would wait for the other's lock, and fail, if that transaction were still open or had committed.
                _ = try await client.run(SQL("insert into t values (1)").execute)
            }
        }
    }

    @Test("a transaction whose task is cancelled before COMMIT does not commit", .timeLimit(.minutes(5)))
    func beforeCommit() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int)")
            try await withClient(database.url) { client in
                let error = await withTaskGroup(of: PGError?.self) { group in
                    group.addTask {
                        await caught {
                            try await client.transaction { transaction in
                                _ = try await transaction.run(SQL("insert into t values (1)").execute)
                                withUnsafeCurrentTask { $0?.cancel() }
                            }
                        }
                    }
                    return await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled)
                #expect(error?.outcome == .notApplied)
                let rows = try await client.run(SQL("select count(*) from t").value(Int.self))
                #expect(rows == 0)
            }
        }
    }

    @Test("a task that is cancelled already sends nothing and harms no connection", .timeLimit(.minutes(5)))
    func beforehand() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                let before = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
                let error = await withTaskGroup(of: PGError?.self) { group in
                    group.addTask {
                        withUnsafeCurrentTask { $0?.cancel() }
                        return await caught { try await client.run(SQL("select 1").execute) }
                    }
                    return await group.next() ?? nil
                }
                #expect(error?.kind == .cancelled)
                #expect(error?.outcome == .notApplied)
                let after = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
                #expect(before == after)
            }
        }
    }

    @Test("one task's cancellation inside a transaction does not stop its sibling", .timeLimit(.minutes(5)))
    func siblings() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let (first, second) = try await client.transaction { transaction in
                    // The first holds the connection until told; the second waits for the connection when it is cancelled.
                    _ = try await transaction.run(SQL("select pg_advisory_xact_lock(1)").execute)
                    return try await withThrowingTaskGroup(of: (Int, PGError?).self) { group in
                        group.addTask {
                            (
                                1,
                                await caught {
                                    try await transaction.run(
                                        SQL("select marker_three, pg_sleep(2) from (select 1) as x (marker_three)").execute)
                                }
                            )
                        }
                        try await eventually { try await running("marker_three", client) == 1 }
                        group.addTask {
                            await withTaskGroup(of: PGError?.self) { inner in
                                inner.addTask { await caught { try await transaction.run(SQL("select 2").execute) } }
                                inner.cancelAll()
                                return (2, await inner.next() ?? nil)
                            }
                        }
                        var errors: [Int: PGError?] = [:]
                        for try await (number, error) in group { errors[number] = error }
                        return (errors[1] ?? nil, errors[2] ?? nil)
                    }
                }
                #expect(first == nil)
                #expect(second?.kind == .cancelled)
            }
        }
    }

    @Test("a waiter that is cancelled leaves the line and the next is served", .timeLimit(.minutes(5)))
    func waiter() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                let error = try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("select 1").execute)
                    return try await withThrowingTaskGroup(of: PGError?.self) { group in
                        group.addTask { await caught { try await client.run(SQL("select 1").execute) } }
                        try await eventually { client.metrics.waiting == 1 }
                        group.cancelAll()
                        return try await group.next() ?? nil
                    }
                }
                #expect(error?.kind == .cancelled)
                #expect(client.metrics.waiting == 0)
                let one = try await client.run(SQL("select 1").value(Int.self))
                #expect(one == 1)
            }
        }
    }
}
