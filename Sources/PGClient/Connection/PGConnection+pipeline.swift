import CLibPQ

/// Several statements, and what stands in front of them, in one round trip.
extension PGConnection {
    private enum Expected {
        /// BEGIN, or a limit of the transaction's own.
        case helper
        case deallocate
        case prepare(StatementCache.Key, name: String)
        case answer
    }

    /// - Parameter first: how the first statement is to run, where that was decided.
    func pipeline(_ statements: [Statement], _ frame: Frame, first: StatementCache.Plan?) throws(PGError) -> [PGResult] {
        guard PQenterPipelineMode(handle) == 1 else { throw failure("the connection is busy") }
        var first = first
        var expected: [Expected] = []
        expected.reserveCapacity(statements.count + 3)
        if let begin = frame.begin {
            try checked(begin.withUTF8Buffer { sendText(String(decoding: $0, as: UTF8.self)) })
            lent?.hasBegun = true
            expected.append(.helper)
            if let limits = lent?.limits?.command {
                try checked(sendText(limits))
                expected.append(.helper)
            }
        }
        try dropOrphans(&expected)
        /// Names given within this pipeline.
        var preparing: [StatementCache.Key: String] = [:]
        var previous: (key: StatementCache.Key, plan: StatementCache.Plan)?
        for statement in statements {
            let key = statement.key
            // Statements of one shape stand behind one another: a comparison is cheaper than a look-up.
            if let previous, case .prepared = previous.plan, previous.key == key {
                try send(statement, previous.plan)
                expected.append(.answer)
                continue
            }
            var plan = first ?? plan(key)
            first = nil
            if case .prepare(let name) = plan {
                if let name = preparing[key] {
                    plan = .prepared(name)
                } else {
                    try checked(prepare(statement, as: name))
                    expected.append(.prepare(key, name: name))
                    preparing[key] = name
                    plan = .prepared(name)
                }
            }
            try send(statement, plan)
            expected.append(.answer)
            previous = (key, plan)
        }
        guard PQpipelineSync(handle) == 1 else { throw failure("the connection was lost", outcome: .unknown) }
        try flush()
        let results = try collect(expected)
        guard PQexitPipelineMode(handle) == 1 else { throw failure("the pipeline did not end", outcome: .unknown) }
        return results
    }

    /// How to run a statement; in a transaction that has failed nothing can be prepared.
    func plan(_ key: StatementCache.Key) -> StatementCache.Plan {
        PQtransactionStatus(handle) == PQTRANS_INERROR ? statements.planWithoutPreparing(key) : statements.plan(key)
    }

    /// Has the server forget what it prepared and nobody will ask for; in a transaction that has failed it would refuse.
    private func dropOrphans(_ expected: inout [Expected]) throws(PGError) {
        let orphans = statements.orphans
        guard !orphans.isEmpty, PQtransactionStatus(handle) != PQTRANS_INERROR else { return }
        for name in orphans {
            try checked(sendText("deallocate \(name)"))
            expected.append(.deallocate)
        }
    }

    private func collect(_ expected: [Expected]) throws(PGError) -> [PGResult] {
        var results: [PGResult] = []
        results.reserveCapacity(expected.count)
        var aborted: PGError?
        for item in expected {
            let result = try nextResult()
            guard let result else { throw failure("no result came", outcome: .unknown) }
            guard try nextResult() == nil else { throw failure("two results for one statement", outcome: .unknown) }
            let succeeded = !result.isError && result.status != PGRES_PIPELINE_ABORTED
            switch item {
            case .answer:
                results.append(result)
                continue
            case .prepare(let key, let name): if succeeded { statements.didPrepare(key, as: name) }
            case .deallocate: if succeeded { statements.didDropFirst() }
            case .helper: break
            }
            // A failed helper aborts all behind it: its error is the answer.
            if aborted == nil, let error = result.error() {
                aborted = error
                results.append(result)
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
}
