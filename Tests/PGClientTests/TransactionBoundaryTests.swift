import NIOConcurrencyHelpers
import PGClient
import TestSupport
import Testing

@Suite("Where a transaction begins and ends")
struct TransactionBoundaryTests {
    private struct Stop: Error {}

    /// Lends a client of one connection and tells how many rows the table has in the end.
    private func rows(_ body: @Sendable (PGClient) async throws -> Void) async throws -> Int {
        try await TestDatabase.with([Migration(number: 1, name: "t", sql: "create table t (n bigint)")]) { database in
            try await withClient(database.url, { $0.maxConnections = 1 }) { client in
                try await body(client)
                return try await client.run(SQL("select count(*) from t").value(Int.self))
            }
        }
    }

    @Test("of statements that set out at once, none runs before BEGIN", .timeLimit(.minutes(5)))
    func concurrentBeginning() async throws {
        let rows = try await rows { client in
            for round in 0..<4_000 {
                await #expect(throws: Stop.self) {
                    try await client.transaction { transaction in
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for number in 0..<6 {
                                group.addTask {
                                    _ = try await transaction.run(SQL("insert into t values (\(round * 10 + number))").execute)
                                }
                            }
                            try await group.waitForAll()
                        }
                        throw Stop()
                    }
                }
            }
        }
        #expect(rows == 0)
    }

    @Test("a first statement that is cancelled before it is sent does not take BEGIN with it", .timeLimit(.minutes(5)))
    func cancelledBeginning() async throws {
        let rows = try await rows { client in
            await #expect(throws: Stop.self) {
                try await client.transaction { transaction in
                    let error = await withTaskGroup(of: PGError?.self) { group in
                        group.addTask {
                            withUnsafeCurrentTask { $0?.cancel() }
                            return await caught { try await transaction.run(SQL("insert into t values (1)").execute) }
                        }
                        return await group.next() ?? nil
                    }
                    #expect(error?.kind == .cancelled)
                    _ = try await transaction.run(SQL("insert into t values (2)").execute)
                    throw Stop()
                }
            }
        }
        #expect(rows == 0)
    }

    @Test("a statement behind the body's own ROLLBACK is refused instead of committed by itself", .timeLimit(.minutes(5)))
    func endedByItself() async throws {
        let rows = try await rows { client in
            let error = await caught {
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("rollback").execute)
                    _ = try await transaction.run(SQL("insert into t values (1)").execute)
                }
            }
            #expect(error?.kind == .notRunning)
        }
        #expect(rows == 0)
    }

    @Test("what a transaction left behind does not reach the one that has its connection now", .timeLimit(.minutes(5)))
    func strays() async throws {
        let rows = try await rows { client in
            let left = NIOLockedValueBox<(PGTransaction, CopyChunks)?>(nil)
            try await client.transaction { transaction in
                try await transaction.copyOut("select 1", format: .text) { chunks in
                    left.withLockedValue { $0 = (transaction, chunks) }
                    for try await _ in chunks {}
                }
            }
            let (old, oldChunks) = try #require(left.withLockedValue { $0 })
            try await client.transaction { transaction in
                let early = await caught { try await old.run(SQL("insert into t values (1)").execute) }
                #expect(early?.kind == .notRunning)
                let bytes = try await transaction.copyOut("select 7", format: .text) { chunks in
                    var stray = oldChunks.makeAsyncIterator()
                    let error = await caught { try await stray.next() }
                    #expect(error?.kind == .notRunning)
                    return try await chunks.reduce(into: [UInt8]()) { $0 += $1 }
                }
                #expect(bytes == Array("7\n".utf8))
                let within = await caught { try await old.run(SQL("insert into t values (2)").execute) }
                #expect(within?.kind == .notRunning)
            }
        }
        #expect(rows == 0)
    }

    @Test("a savepoint that outlives its transaction does not close the connection of the next", .timeLimit(.minutes(5)))
    func straySavepoint() async throws {
        let rows = try await rows { client in
            let (entered, enter) = AsyncStream.makeStream(of: Void.self)
            let (ended, end) = AsyncStream.makeStream(of: Void.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                try await client.transaction { transaction in
                    group.addTask {
                        await #expect(throws: Stop.self) {
                            try await transaction.savepoint { _ in
                                enter.finish()
                                for await _ in ended {}
                                throw Stop()
                            }
                        }
                    }
                    for await _ in entered {}
                }
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("insert into t values (1)").execute)
                    end.finish()
                    try await group.waitForAll()
                    _ = try await transaction.run(SQL("insert into t values (2)").execute)
                }
            }
            #expect(client.metrics.connected == 1)
        }
        #expect(rows == 2)
    }
}
