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
            if let index = results.firstIndex(where: \.isError), let error = results[index].error() {
                guard error.isStaleStatement else { throw located(error, index, statements.count) }
                for statement in statements { self.statements.forget(statement.key) }
                // Everything that ran before the error in this transaction is undone with it: only one that begins here can begin again.
                guard !frame.inTransaction || frame.begin != nil else { throw located(error, index, statements.count) }
                if frame.begin != nil { _ = try exchange([Statement(command: "rollback")], Frame(inTransaction: true)) }
                results = try exchange(statements, frame)
                if let index = results.firstIndex(where: \.isError), let error = results[index].error() {
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
        if statements.count == 1, frame.begin == nil, case .some(let direct) = directPlan(statements[0]) {
            return [try single(statements[0], direct)]
        }
        return try pipeline(statements, frame)
    }

    /// A statement that needs no preparing first can go without a pipeline.
    private func directPlan(_ statement: Statement) -> StatementCache.Plan? {
        let plan = statements.plan(statement.key)
        if case .prepare(let name, let dropping) = plan {
            pendingPrepare = (statement.key, name, dropping)
            return nil
        }
        return plan
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

    private enum Expected {
        case begin
        case deallocate
        case prepare(StatementCache.Key, name: String)
        case answer
    }

    private func pipeline(_ statements: [Statement], _ frame: Frame) throws(PGError) -> [PGResult] {
        guard PQenterPipelineMode(handle) == 1 else { throw failure("the connection is busy") }
        var expected: [Expected] = []
        if let begin = frame.begin {
            try checked(begin.withUTF8Buffer { sendText(String(decoding: $0, as: UTF8.self)) })
            lent?.hasBegun = true
            expected.append(.begin)
        }
        var preparing: Set<StatementCache.Key> = []
        var previous: (key: StatementCache.Key, plan: StatementCache.Plan)?
        for statement in statements {
            let key = statement.key
            // Statements of one shape stand behind one another: a comparison is cheaper than a look-up.
            if let previous, case .prepared = previous.plan, previous.key == key {
                try send(statement, previous.plan)
                expected.append(.answer)
                continue
            }
            var plan = takePendingPrepare(key) ?? self.statements.plan(key)
            if case .prepare(let name, let dropping) = plan {
                if preparing.insert(statement.key).inserted {
                    if let dropping {
                        try checked(sendText("deallocate \(dropping)"))
                        expected.append(.deallocate)
                    }
                    try checked(prepare(statement, as: name))
                    expected.append(.prepare(statement.key, name: name))
                    preparedNow[statement.key] = name
                    plan = .prepared(name)
                } else if let name = preparedNow[statement.key] {
                    plan = .prepared(name)
                } else {
                    plan = .unnamed
                }
            }
            try send(statement, plan)
            expected.append(.answer)
            previous = (key, plan)
        }
        preparedNow.removeAll(keepingCapacity: true)
        guard PQpipelineSync(handle) == 1 else { throw failure("the connection was lost", outcome: .unknown) }
        try flush()
        let results = try collect(expected)
        guard PQexitPipelineMode(handle) == 1 else { throw failure("the pipeline did not end", outcome: .unknown) }
        return results
    }

    private func collect(_ expected: [Expected]) throws(PGError) -> [PGResult] {
        var results: [PGResult] = []
        results.reserveCapacity(expected.count)
        var aborted: PGError?
        for item in expected {
            let result = try nextResult()
            guard let result else { throw failure("no result came", outcome: .unknown) }
            guard try nextResult() == nil else { throw failure("two results for one statement", outcome: .unknown) }
            switch item {
            case .answer: results.append(result)
            case .prepare(let key, let name):
                if !result.isError, result.status != PGRES_PIPELINE_ABORTED { self.statements.didPrepare(key, as: name) }
                fallthrough
            case .begin, .deallocate:
                // A failed helper aborts all behind it: its error is the answer.
                if aborted == nil, let error = result.error() {
                    aborted = error
                    results.append(result)
                }
            }
        }
        // Outside a transaction the commit happens at Sync, after every statement has answered: a deferred constraint or a serialization failure
        // speaks up only here, and then nothing of the pipeline was kept.
        while true {
            guard let result = try nextResult() else { continue }
            if result.status == PGRES_PIPELINE_SYNC { return results }
            guard result.isError else { throw failure("an answer to no statement", outcome: .unknown) }
            if !results.contains(where: \.isError) { results.append(result) }
        }
    }

    private func checked(_ sent: Bool) throws(PGError) {
        guard sent else { throw failure("the connection was lost", outcome: .unknown) }
    }

    private func sendText(_ text: String) -> Bool {
        PQsendQueryParams(handle, text, 0, nil, nil, nil, nil, 1) == 1
    }

    private func prepare(_ statement: Statement, as name: String) -> Bool {
        PQsendPrepare(handle, name, statement.text, Int32(statement.types.count), statement.types) == 1
    }

    /// Hands a statement to libpq; nothing waits here.
    func send(_ statement: Statement, _ plan: StatementCache.Plan) throws(PGError) {
        let count = statement.types.count
        let sent = statement.bytes.withUnsafeBytes { bytes in
            let base = bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
            // On the stack where they are few: three arrays for each statement of a pipeline would cost more than libpq's own work.
            return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { values in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                    numbers.initialize(repeating: 1)
                    for (index, range) in statement.ranges.enumerated() {
                        values.initializeElement(at: index, to: range.flatMap { range in base.map { $0 + range.lowerBound } })
                        numbers[index] = Int32(range?.count ?? 0)
                    }
                    // Lengths first, and behind them the formats: 1, binary, for each.
                    let (lengths, formats) = (numbers.baseAddress, numbers.baseAddress.map { $0 + count })
                    return switch plan {
                    case .unnamed, .prepare:
                        PQsendQueryParams(
                            handle, statement.text, Int32(count), statement.types, values.baseAddress, lengths, formats, 1)
                    case .prepared(let name):
                        PQsendQueryPrepared(handle, name, Int32(count), values.baseAddress, lengths, formats, 1)
                    }
                }
            }
        }
        try checked(sent == 1)
    }

    private func takePendingPrepare(_ key: StatementCache.Key) -> StatementCache.Plan? {
        guard let pending = pendingPrepare, pending.key == key else { return nil }
        pendingPrepare = nil
        return .prepare(pending.name, dropping: pending.dropping)
    }
}
