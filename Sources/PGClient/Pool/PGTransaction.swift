import NIOConcurrencyHelpers

/// How much of other transactions a transaction sees (PostgreSQL documentation, 13.2).
public enum Isolation: Sendable {
    case readCommitted
    case repeatableRead
    case serializable
}

/// An open transaction. Taking this as a parameter is how a function says "I must be inside a transaction".
public struct PGTransaction: PGSession {
    let connection: PGConnection
    private let state: TransactionState

    init(_ connection: PGConnection, begin: StaticString) {
        self.connection = connection
        state = TransactionState(begin: begin)
    }

    public func perform(_ queries: [SQL]) async throws(PGError) -> [PGAnswer] {
        let statements = try Statement.all(queries)
        return try await execute(statements).map { PGAnswer(result: $0, inTransaction: true) }
    }

    func execute(_ statements: [Statement]) async throws(PGError) -> [PGResult] {
        // BEGIN rides in front of the first statements: a transaction costs no round trip to open.
        let begin = try state.takeBegin()
        let frame = PGConnection.Frame(begin: begin, inTransaction: begin == nil)
        do throws(PGError) {
            return try await connection.execute(statements, frame)
        } catch {
            var error = error
            // Nothing is committed before COMMIT was sent, not even by a BEGIN that went along.
            if error.outcome == .unknown { error.outcome = .notApplied }
            throw error
        }
    }

    /// Sends BEGIN by itself, where what comes next cannot carry it along.
    func open() async throws(PGError) {
        if !state.begun { _ = try await execute([Statement(command: "select")]) }
    }

    /// Runs the body under a savepoint: what it throws undoes what it did, and the transaction goes on.
    public func savepoint<R>(_ body: (PGTransaction) async throws -> R) async throws -> R {
        let name = state.nextName()
        _ = try await execute([Statement(command: "savepoint \(name)")])
        do {
            let result = try await body(self)
            _ = try await execute([Statement(command: "release savepoint \(name)")])
            return result
        } catch {
            do throws(PGError) {
                _ = try await connection.finish([Statement(command: "rollback to savepoint \(name)")], .init(inTransaction: true))
            } catch {
                // The transaction cannot go on: without its connection it cannot commit either. What the body threw says why.
                await connection.close()
            }
            throw error
        }
    }

    /// A name for a savepoint or cursor of this transaction.
    func nextName() -> String { state.nextName() }

    func commit() async throws(PGError) {
        defer { state.end() }
        guard state.begun else { return }
        let results = try await connection.finish([Statement(command: "commit")], .init(inTransaction: true, commits: true))
        // After an error PostgreSQL answers COMMIT with success and the tag ROLLBACK: only the tag tells.
        guard results.first?.commandTag == "COMMIT" else {
            throw PGError(.commitRefused, "the transaction had failed: COMMIT rolled it back")
        }
    }

    /// Undoes the transaction; a connection that cannot even do that is closed, which undoes it too.
    func rollback() async {
        defer { state.end() }
        guard state.begun else { return }
        do throws(PGError) {
            _ = try await connection.finish([Statement(command: "rollback")], .init(inTransaction: true))
        } catch {
            await connection.close()
        }
    }
}

private final class TransactionState: Sendable {
    private let inner: NIOLockedValueBox<(begin: StaticString?, names: Int, ended: Bool)>

    init(begin: StaticString) {
        inner = NIOLockedValueBox((begin, 0, false))
    }

    /// What is to be sent in front of the next statements.
    ///
    /// - Throws: when the transaction has ended: its connection may serve somebody else by now.
    func takeBegin() throws(PGError) -> StaticString? {
        let (begin, ended) = inner.withLockedValue { inner in
            defer { inner.begin = nil }
            return (inner.begin, inner.ended)
        }
        if ended { throw PGError(.notRunning, "the transaction has ended") }
        return begin
    }

    func end() {
        inner.withLockedValue { $0.ended = true }
    }

    var begun: Bool { inner.withLockedValue { $0.begin == nil } }

    func nextName() -> String {
        inner.withLockedValue { inner in
            inner.names += 1
            return "market_\(inner.names)"
        }
    }
}

extension PGClient {
    /// Commits on return, rolls back on throw and rethrows the body's own error.
    ///
    /// A serialization failure (40001) or deadlock (40P01) runs the body again, `attempts` times in all, so the body may touch nothing but its
    /// transaction. An error with outcome `.unknown` means that COMMIT was sent and its answer lost; it is never run again.
    public func transaction<R: Sendable>(
        _ isolation: Isolation = .readCommitted, readOnly: Bool = false, attempts: Int = 1, _ body: (PGTransaction) async throws -> R
    ) async throws -> R {
        precondition(attempts >= 1, "a transaction is attempted once at least")
        var attempt = 1
        while true {
            do {
                return try await transactOnce(Self.begin(isolation, readOnly: readOnly), body)
            } catch let error as PGError where error.sqlState?.isTransient == true && error.outcome == .notApplied && attempt < attempts {
                attempt += 1
                // 1 ms doubled each time and spread, so that those who collided do not meet again.
                try await Task.sleep(for: .milliseconds(Double(1 << min(attempt, 6)) * Double.random(in: 0.5...1)))
            }
        }
    }

    private func transactOnce<R: Sendable>(_ begin: StaticString, _ body: (PGTransaction) async throws -> R) async throws -> R {
        let connection = try await liveConnection()
        let transaction = PGTransaction(connection, begin: begin)
        do {
            let result = try await body(transaction)
            // Whoever gave up waiting for the transaction gets none.
            if Task.isCancelled { throw PGError(.cancelled, "the task was cancelled before COMMIT") }
            try await transaction.commit()
            // What answered COMMIT is between transactions: nothing is left to look at, and looking would be a change of threads.
            pool.release(connection, reusable: true)
            return result
        } catch {
            await transaction.rollback()
            await giveBack(connection)
            throw error
        }
    }

    /// A connection that was alive a moment ago: the first statement of a transaction cannot be tried on another one.
    func liveConnection() async throws(PGError) -> PGConnection {
        while true {
            let connection = try await pool.acquire()
            if await connection.isAlive() { return connection }
            await connection.close()
            pool.release(connection, reusable: false)
        }
    }

    func giveBack(_ connection: PGConnection) async {
        let clean = await connection.isClean()
        if !clean { await connection.close() }
        pool.release(connection, reusable: clean)
    }

    private static func begin(_ isolation: Isolation, readOnly: Bool) -> StaticString {
        switch (isolation, readOnly) {
        case (.readCommitted, false): "begin isolation level read committed read write"
        case (.readCommitted, true): "begin isolation level read committed read only"
        case (.repeatableRead, false): "begin isolation level repeatable read read write"
        case (.repeatableRead, true): "begin isolation level repeatable read read only"
        case (.serializable, false): "begin isolation level serializable read write"
        case (.serializable, true): "begin isolation level serializable read only"
        }
    }
}
