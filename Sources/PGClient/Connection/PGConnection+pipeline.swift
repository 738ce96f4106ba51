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
            let key = StatementCache.Key(statement)
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
        var collector = ResultCollector(expected.count)
        var aborted = false
        for item in expected {
            guard let pointer = try nextPointer() else { throw failure("no result came", outcome: .unknown) }
            if case .answer = item {
                collector.take(pointer)
                try endStatement()
                continue
            }
            let result = PGResult(pointer)
            try endStatement()
            let succeeded = !result.isError && result.status != PGRES_PIPELINE_ABORTED
            switch item {
            case .answer: break
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
        let sent = statement.withParameters { parameters in
            switch plan {
            case .unnamed, .prepare:
                PQsendQueryParams(
                    handle, statement.text, parameters.count, statement.parameterTypes, parameters.values, parameters.lengths,
                    parameters.formats, 1)
            case .prepared(let name):
                PQsendQueryPrepared(handle, name, parameters.count, parameters.values, parameters.lengths, parameters.formats, 1)
            }
        }
        try checked(sent == 1)
    }
}

/// The values of a statement as libpq takes them.
private struct Parameters {
    let count: Int32
    let values: UnsafePointer<UnsafePointer<CChar>?>?
    let lengths: UnsafePointer<Int32>?
    /// 1, binary, for each.
    let formats: UnsafePointer<Int32>?
}

extension Statement {
    /// The pointers are made on the stack where they are few: arrays for each statement of a pipeline would cost more than libpq's own work.
    fileprivate func withParameters(_ send: (Parameters) -> Int32) -> Int32 {
        let count = valueCount
        guard count > 0 else { return send(Parameters(count: 0, values: nil, lengths: nil, formats: nil)) }
        return body.values.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
                withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                    var number = 0
                    for piece in pieces where !piece.isLiteral {
                        pointers.initializeElement(at: number, to: piece.range.map { Self.address(of: $0, in: bytes) })
                        numbers.initializeElement(at: number, to: piece.isNull ? 0 : piece.count)
                        numbers.initializeElement(at: count + number, to: 1)
                        number += 1
                    }
                    return send(
                        Parameters(
                            count: Int32(count), values: UnsafePointer(pointers.baseAddress), lengths: UnsafePointer(numbers.baseAddress),
                            formats: numbers.baseAddress.map { UnsafePointer($0 + count) }))
                }
            }
        }
    }

    /// An empty text, which is not null, has an address too.
    private static func address(of range: Range<Int>, in bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar> {
        let start = range.isEmpty ? nil : bytes.baseAddress.map { $0 + range.lowerBound }
        return (start ?? UnsafeRawPointer(empty.utf8Start)).assumingMemoryBound(to: CChar.self)
    }

    private static let empty: StaticString = ""
}
