import CLibPQ

/// Several statements, and what stands in front of them, in one round trip.
extension PGConnection {
    private enum Expected {
        /// BEGIN, or a limit of the transaction's own.
        case helper
        case deallocate
        case prepare(StatementCache.Key, name: String)
        /// So many statements one behind another.
        case answers(Int)
    }

    /// - Parameter first: how the first statement is to run, where that was decided.
    func pipeline(_ statements: [Statement], _ frame: Frame, first: StatementCache.Plan?) throws(PGError) -> [PGResult] {
        guard PQenterPipelineMode(handle) == 1 else { throw failure("the connection is busy") }
        var expected: [Expected] = []
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
        try send(statements, first: first, &expected)
        guard PQpipelineSync(handle) == 1 else { throw failure("the connection was lost", outcome: .unknown) }
        try flush()
        let results = try collect(expected, statements.count)
        guard PQexitPipelineMode(handle) == 1 else { throw failure("the pipeline did not end", outcome: .unknown) }
        return results
    }

    private func send(_ statements: [Statement], first: StatementCache.Plan?, _ expected: inout [Expected]) throws(PGError) {
        var first = first
        /// Names given within this pipeline.
        var preparing: [StatementCache.Key: String] = [:]
        var index = 0
        while index < statements.count {
            let key = StatementCache.Key(statements[index])
            var plan = first ?? plan(key)
            first = nil
            if case .prepare(let name) = plan {
                if let name = preparing[key] {
                    plan = .prepared(name)
                } else {
                    try checked(prepare(statements[index], as: name))
                    expected.append(.prepare(key, name: name))
                    preparing[key] = name
                    plan = .prepared(name)
                }
            }
            let start = index
            try send(statements[index], plan)
            index += 1
            // Statements of one shape stand behind one another: a comparison is cheaper than a look-up.
            if case .prepared(let name) = plan {
                while index < statements.count, statements[index].hasShape(of: statements[start]) {
                    try send(statements[index], preparedAs: name)
                    index += 1
                }
            }
            expected.append(.answers(index - start))
        }
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

    private func collect(_ expected: [Expected], _ count: Int) throws(PGError) -> [PGResult] {
        var collector = ResultCollector(count)
        var aborted = false
        for item in expected {
            if case .answers(let count) = item {
                for _ in 0..<count {
                    collector.take(try nextAnswer())
                    try endStatement()
                }
                continue
            }
            let result = PGResult(try nextAnswer())
            try endStatement()
            let succeeded = !result.isError && result.status != PGRES_PIPELINE_ABORTED
            switch item {
            case .answers: break
            case .prepare(let key, let name): if succeeded { statements.didPrepare(key, as: name) }
            case .deallocate: if succeeded { statements.didDropFirst() }
            case .helper: break
            }
            // A failed helper aborts all behind it: its error is the answer.
            if !aborted, result.isError {
                aborted = true
                collector.append(result)
            }
        }
        // Outside a transaction the commit happens at Sync, after every statement has answered: a deferred constraint or a serialization failure
        // speaks up only here, and then nothing of the pipeline was kept.
        while true {
            guard let result = try nextResult() else { continue }
            if result.status == PGRES_PIPELINE_SYNC { return collector.results }
            guard result.isError else { throw failure("an answer to no statement", outcome: .unknown) }
            if !collector.results.contains(where: { $0.isError }) { collector.append(result) }
        }
    }

    private func nextAnswer() throws(PGError) -> OpaquePointer {
        guard let pointer = try nextPointer() else { throw failure("no result came", outcome: .unknown) }
        return pointer
    }

    private func endStatement() throws(PGError) {
        guard try nextPointer() == nil else { throw failure("two results for one statement", outcome: .unknown) }
    }

    private func checked(_ sent: Bool) throws(PGError) {
        guard sent else { throw failure("the connection was lost", outcome: .unknown) }
    }

    private func sendText(_ text: String) -> Bool {
        PQsendQueryParams(handle, text, 0, nil, nil, nil, nil, 1) == 1
    }

    private func prepare(_ statement: Statement, as name: String) -> Bool {
        PQsendPrepare(handle, name, statement.text, Int32(statement.valueCount), statement.parameterTypes) == 1
    }

    /// Hands a statement to libpq; nothing waits here.
    func send(_ statement: Statement, _ plan: StatementCache.Plan) throws(PGError) {
        if case .prepared(let name) = plan { return try send(statement, preparedAs: name) }
        let (text, types) = (statement.text, statement.parameterTypes)
        try checked(
            statement.body.withParameters { parameters in
                PQsendQueryParams(
                    handle, text, parameters.count, types, parameters.values, parameters.lengths, parameters.formats, 1)
            } == 1)
    }

    private func send(_ statement: Statement, preparedAs name: String) throws(PGError) {
        try checked(
            statement.body.withParameters { parameters in
                PQsendQueryPrepared(handle, name, parameters.count, parameters.values, parameters.lengths, parameters.formats, 1)
            } == 1)
    }
}
