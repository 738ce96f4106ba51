import NIOConcurrencyHelpers

/// How much of other transactions a transaction sees (PostgreSQL documentation, 13.2).
public enum Isolation: Sendable {
    case readCommitted
    case repeatableRead
    case serializable
}

/// Limits of one transaction instead of the session's, for what is known to take long. The client has to know of them: it gives a server up that is silent
/// for longer than its statements may run, and does not see what a statement of the body sets.
public struct TransactionLimits: Sendable {
    /// Longest run of one statement; 0 for no limit.
    public var statement: Duration?
    /// Longest silence between two statements; 0 for no limit.
    public var idle: Duration?

    public init(statement: Duration? = nil, idle: Duration? = nil) {
        self.statement = statement
        self.idle = idle
    }

    /// What sets them, behind BEGIN.
    var command: String? {
        let settings = [("statement_timeout", statement), ("idle_in_transaction_session_timeout", idle)].compactMap { name, limit in
            limit.map { "set_config('\(name)', '\($0.inMilliseconds)', true)" }
        }
        return settings.isEmpty ? nil : "select \(settings.joined(separator: ", "))"
    }
}

/// An open transaction. Taking this as a parameter is how a function says "I must be inside a transaction".
public struct PGTransaction: PGSession {
    let connection: PGConnection
    let loan: PGConnection.Loan
    private let state = NIOLockedValueBox((names: 0, isCommitted: false, failure: PGError?.none))

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
                _ = try await connection.finish(
                    [Statement(command: "rollback to savepoint \(name)"), Statement(command: "release savepoint \(name)")], in: loan)
            } catch {
                // The transaction cannot go on: without its connection it cannot commit either. What the body threw says why.
                await connection.giveUp(loan)
            }
            throw error
        }
    }

    /// A name for a savepoint or cursor of this transaction.
    func nextName() -> String {
        let number = state.withLockedValue { state in
            state.names += 1
            return state.names
        }
        return "market_\(number)"
    }

    /// Runs the last queries and COMMIT behind them in one round trip: nothing may be asked of the transaction any more. What must keep it from being
    /// committed has to make one of the queries fail, because nobody looks at their answers before.
    ///
    /// Cancelling the task does not stop it.
    public func commit<Output: Sendable>(after queries: [Query<Output>]) async throws(PGError) -> [Output] {
        let results: [PGResult]
        do throws(PGError) {
            results = try await connection.commit(loan, after: try Statement.all(queries.map(\.sql)))
            try Self.check(results.last)
        } catch {
            state.withLockedValue { $0.failure = error }
            throw error
        }
        state.withLockedValue { $0.isCommitted = true }
        var outputs: [Output] = []
        for (index, (query, result)) in zip(queries, results).enumerated() {
            outputs.append(try PGAnswer(result: result, inTransaction: false).read(query, index: index))
        }
        return outputs
    }

    /// Whether the body has committed.
    var isCommitted: Bool { state.withLockedValue { $0.isCommitted } }

    func commit() async throws(PGError) {
        // A body that went on after its own commit had failed has committed nothing, or nobody knows.
        if let failure = state.withLockedValue({ $0.failure }) { throw failure }
        if let result = try await connection.commit(loan) { try Self.check(result) }
    }

    /// After an error PostgreSQL answers COMMIT with success and the tag ROLLBACK: only the tag tells.
    private static func check(_ result: PGResult?) throws(PGError) {
        guard result?.commandTag == "COMMIT" else {
            throw PGError(.commitRefused, "the transaction had failed: COMMIT rolled it back")
        }
    }
}

extension PGClient {
    /// Commits on return, rolls back on throw and rethrows the body's own error.
    ///
    /// `limits` hold instead of the session's. A serialization failure (40001), a deadlock (40P01) or a prepared statement that the schema no longer fits
    /// runs the body again, `attempts` times in all, so the body may touch nothing but its transaction. With `alongside` it runs on the connection's thread,
    /// so that no thread wakes another for each statement; it must be one task then, because a statement that waits for the server keeps all that run there
    /// waiting, too. An error with outcome `.unknown` means that COMMIT was sent and its answer lost; it is never run again.
    public func transaction<R: Sendable>(
        _ isolation: Isolation = .readCommitted, readOnly: Bool = false, attempts: Int = 1, limits: TransactionLimits? = nil,
        alongside: Bool = false, _ body: (PGTransaction) async throws -> R
    ) async throws -> R {
        precondition(attempts >= 1, "a transaction is attempted once at least")
        var attempt = 1
        while true {
            do {
                return try await transactOnce(Self.begin(isolation, readOnly: readOnly), limits, alongside, body)
            } catch let error as PGError where error.mayGoBetterNextTime && attempt < attempts {
                attempt += 1
                // 1 ms doubled each time and spread, so that those who collided do not meet again.
                try await Task.sleep(for: .milliseconds(Double(1 << min(attempt, 6)) * Double.random(in: 0.5...1)))
            }
        }
    }

    private func transactOnce<R: Sendable>(
        _ begin: StaticString, _ limits: TransactionLimits?, _ alongside: Bool, _ body: (PGTransaction) async throws -> R
    ) async throws -> R {
        let (connection, loan) = try await borrow(begin, limits)
        let transaction = PGTransaction(connection, loan)
        do {
            let result = try await withTaskExecutorPreference(alongside ? connection.thread : nil) { try await body(transaction) }
            if !transaction.isCommitted {
                // Whoever gave up waiting for the transaction gets none.
                if Task.isCancelled { throw PGError(.cancelled, "the task was cancelled before COMMIT") }
                try await transaction.commit()
            }
            // What answered COMMIT is between transactions: nothing is left to look at, and looking would be a change of threads.
            pool.release(connection, reusable: true)
            return result
        } catch {
            pool.release(connection, reusable: await connection.takeBack(loan))
            throw error
        }
    }

    /// A connection that was alive a moment ago: the first statement of a transaction cannot be tried on another one.
    private func borrow(_ begin: StaticString, _ limits: TransactionLimits?) async throws(PGError) -> (PGConnection, PGConnection.Loan) {
        while true {
            let connection = try await pool.acquire()
            if let loan = await connection.lend(beginningWith: begin, limits: limits) { return (connection, loan) }
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

extension PGError {
    fileprivate var mayGoBetterNextTime: Bool { outcome == .notApplied && (sqlState?.isTransient == true || isStaleStatement) }
}
