import CLibPQ
import Foundation

extension PGConnection {
    /// What stands around the statements of one round trip.
    struct Frame: Sendable {
        /// Sent in front, in the same round trip: BEGIN of the transaction.
        var begin: StaticString?
        /// Whether the statements are part of an explicit transaction, so that a lost connection means that nothing was committed.
        var inTransaction = false
        /// Whether this is the statement that commits.
        var commits = false

        var outcomeWhenLost: PGError.Outcome { inTransaction && !commits ? .notApplied : .unknown }
    }

    /// Runs statements as `run(_:_:)` does, from any task, by themselves or as part of the transaction that has the loan; cancelling the task reaches
    /// the server.
    nonisolated func execute(_ statements: [Statement], in loan: Loan? = nil) async throws(PGError) -> [PGResult] {
        let result = await withTaskCancellationHandler {
            await attempt(statements, loan)
        } onCancel: {
            wake.signal()
        }
        return try result.get()
    }

    /// Runs statements to their end whether or not the task is cancelled.
    nonisolated func finish(_ statements: [Statement], in loan: Loan) async throws(PGError) -> [PGResult] {
        try await attempt(statements, loan, heedingCancellation: false).get()
    }

    private func attempt(_ statements: [Statement], _ loan: Loan?, heedingCancellation: Bool = true) -> Result<[PGResult], PGError> {
        heedsCancellation = heedingCancellation
        defer { heedsCancellation = true }
        return Result { () throws(PGError) in try run(statements, try frame(loan)) }
    }

    /// Runs statements in one round trip and returns their results; the first that the server refused ends it with its error.
    func run(_ statements: [Statement], _ frame: Frame) throws(PGError) -> [PGResult] {
        if heedsCancellation, Task.isCancelled { throw PGError(.cancelled, "the task was cancelled") }
        if frame.commits, let handle, !broken, PQtransactionStatus(handle) == PQTRANS_IDLE {
            throw PGError(.commitRefused, "the transaction was ended by a statement of its own", outcome: .unknown)
        }
        if !frame.inTransaction, !isAlive() {
            close()
            var gone = PGError(.connection, "the connection was gone")
            gone.beforeSending = true
            throw gone
        }
        do throws(PGError) {
            var results = try exchange(statements, frame)
            if let index = results.firstIndex(where: { $0.isError }), let error = results[index].error() {
                guard error.isStaleStatement else { throw located(error, index, statements.count) }
                if error.sqlState == .invalidStatementName { self.statements.forgetAll() }
                for statement in statements { self.statements.forget(StatementCache.Key(statement)) }
                // Everything that ran before the error in this transaction is undone with it: only one that begins here can begin again.
                guard !frame.inTransaction || frame.begin != nil else { throw located(error, index, statements.count) }
                if frame.begin != nil { _ = try exchange([Statement(command: "rollback")], Frame(inTransaction: true)) }
                results = try exchange(statements, frame)
                if let index = results.firstIndex(where: { $0.isError }), let error = results[index].error() {
                    throw located(error, index, statements.count)
                }
            }
            return results
        } catch {
            throw settle(error, frame)
        }
    }

    private func located(_ error: PGError, _ index: Int, _ count: Int) -> PGError {
        var error = error
        // An error behind the last statement is one of the commit: no statement is to blame.
        if count > 1, index < count { error.queryIndex = index }
        return error
    }

    /// Decides what an error means for the connection and for the caller's knowledge of what was written.
    func settle(_ error: PGError, _ frame: Frame) -> PGError {
        var error = error
        switch error.kind {
        case .cancelled where error.outcome == .unknown:
            error.outcome = abandon() ? .notApplied : frame.outcomeWhenLost
        case .connection:
            abort()
            error.outcome = frame.outcomeWhenLost
        case .decoding where broken:
            error.outcome = frame.outcomeWhenLost
        case .server where error.endsSession:
            // The server ends a session (57P01 …) between any two of its steps: the commit may have been one of those done.
            close()
            error.outcome = frame.outcomeWhenLost
        default: break
        }
        return error
    }

    /// One round trip: a single statement as it is, several as a pipeline with one Sync.
    func exchange(_ statements: [Statement], _ frame: Frame) throws(PGError) -> [PGResult] {
        guard handle != nil, !broken else { throw PGError(.connection, "the connection is closed", outcome: .notApplied) }
        patience = patience(for: statements.count)
        guard statements.count == 1, frame.begin == nil else { return try pipeline(statements, frame, first: nil) }
        // A statement that needs no preparing first can go without a pipeline.
        let plan = plan(StatementCache.Key(statements[0]))
        if case .prepare = plan { return try pipeline(statements, frame, first: plan) }
        return [try single(statements[0], plan)]
    }

    private func single(_ statement: Statement, _ plan: StatementCache.Plan) throws(PGError) -> PGResult {
        try send(statement, plan)
        try flush()
        var last: PGResult?
        do throws(PGError) {
            while let result = try nextResult() {
                // Of several results the first error counts.
                if last?.error() == nil { last = result }
            }
        } catch {
            // A server that ends the session says why before it closes; that tells more than the end itself.
            guard last?.error()?.endsSession == true else { throw error }
        }
        guard let last else { throw failure("no result came", outcome: .unknown) }
        return last
    }
}
