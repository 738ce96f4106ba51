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
    let loan: PGConnection.Loan
    private let names = NIOLockedValueBox(0)

    init(_ connection: PGConnection, _ loan: PGConnection.Loan) {
        self.connection = connection
        self.loan = loan
    }

    public func perform(_ queries: [SQL]) async throws(PGError) -> [PGAnswer] {
        let statements = try Statement.all(queries)
        return try await execute(statements).map { PGAnswer(result: $0, inTransaction: true) }
    }

    /// Runs statements; BEGIN rides in front of the first ones: a transaction costs no round trip to open.
    func execute(_ statements: [Statement]) async throws(PGError) -> [PGResult] {
        try await connection.execute(statements, in: loan)
    }

    /// Runs the body under a savepoint: what it throws undoes what it did, and the transaction goes on.
    public func savepoint<R>(_ body: (PGTransaction) async throws -> R) async throws -> R {
        let name = nextName()
        _ = try await execute([Statement(command: "savepoint \(name)")])
        do {
            let result = try await body(self)
            _ = try await execute([Statement(command: "release savepoint \(name)")])
            return result
        } catch {
            do throws(PGError) {
                _ = try await connection.finish([Statement(command: "rollback to savepoint \(name)")], in: loan)
            } catch {
                // The transaction cannot go on: without its connection it cannot commit either. What the body threw says why.
                await connection.close()
            }
            throw error
        }
    }

    /// A name for a savepoint or cursor of this transaction.
    func nextName() -> String {
        let number = names.withLockedValue { number in
            number += 1
            return number
        }
        return "market_\(number)"
    }

    func commit() async throws(PGError) {
        guard let result = try await connection.commit(loan) else { return }
        // After an error PostgreSQL answers COMMIT with success and the tag ROLLBACK: only the tag tells.
        guard result.commandTag == "COMMIT" else {
            throw PGError(.commitRefused, "the transaction had failed: COMMIT rolled it back")
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
        let (connection, loan) = try await borrow(begin)
        let transaction = PGTransaction(connection, loan)
        do {
            let result = try await body(transaction)
            // Whoever gave up waiting for the transaction gets none.
            if Task.isCancelled { throw PGError(.cancelled, "the task was cancelled before COMMIT") }
            try await transaction.commit()
            // What answered COMMIT is between transactions: nothing is left to look at, and looking would be a change of threads.
            pool.release(connection, reusable: true)
            return result
        } catch {
            pool.release(connection, reusable: await connection.takeBack(loan))
            throw error
        }
    }

    /// A connection that was alive a moment ago: the first statement of a transaction cannot be tried on another one.
    private func borrow(_ begin: StaticString) async throws(PGError) -> (PGConnection, PGConnection.Loan) {
        while true {
            let connection = try await pool.acquire()
            if let loan = await connection.lend(beginningWith: begin) { return (connection, loan) }
            pool.release(connection, reusable: false)
        }
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
