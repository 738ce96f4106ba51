import CLibPQ

/// A query is a value: text, bindings and how to read its rows. It runs wherever there is a session: alone, in a pipeline, in a transaction.
public struct Query<Output: Sendable>: Sendable {
    public let sql: SQL
    @usableFromInline let read: @Sendable (PGResult) throws(PGError) -> Output

    @usableFromInline init(sql: SQL, read: @escaping @Sendable (PGResult) throws(PGError) -> Output) {
        self.sql = sql
        self.read = read
    }

    /// The same query with its output turned into something else.
    @inlinable public func map<Mapped: Sendable>(_ transform: @escaping @Sendable (Output) throws(PGError) -> Mapped) -> Query<Mapped> {
        Query<Mapped>(sql: sql) { result throws(PGError) in try transform(try read(result)) }
    }
}

extension SQL {
    /// Exactly one row.
    @inlinable public func one<Row: PGRowDecodable>(_: Row.Type = Row.self) -> Query<Row> {
        Query(sql: self) { result throws(PGError) in
            guard result.rowCount == 1 else { throw .rows(result.rowCount, insteadOf: "one row") }
            return try Row(row: PGRow(result: result, index: 0))
        }
    }

    /// One row or none.
    @inlinable public func first<Row: PGRowDecodable>(_: Row.Type = Row.self) -> Query<Row?> {
        Query(sql: self) { result throws(PGError) in
            guard result.rowCount <= 1 else { throw .rows(result.rowCount, insteadOf: "one row at most") }
            return result.rowCount == 0 ? nil : try Row(row: PGRow(result: result, index: 0))
        }
    }

    /// Any number of rows.
    @inlinable public func all<Row: PGRowDecodable>(_: Row.Type = Row.self) -> Query<[Row]> {
        Query(sql: self) { result throws(PGError) in
            var rows: [Row] = []
            rows.reserveCapacity(result.rowCount)
            for index in 0..<result.rowCount { rows.append(try Row(row: PGRow(result: result, index: index))) }
            return rows
        }
    }

    /// Any number of rows as tuples.
    @inlinable public func values<each Column: PGDecodable & Sendable>(_: (repeat each Column).Type) -> Query<[(repeat each Column)]> {
        Query(sql: self) { result throws(PGError) in
            var rows: [(repeat each Column)] = []
            rows.reserveCapacity(result.rowCount)
            for index in 0..<result.rowCount {
                rows.append(try PGRow(result: result, index: index).decode((repeat each Column).self))
            }
            return rows
        }
    }

    /// One row of one column.
    @inlinable public func value<Value: PGDecodable & Sendable>(_: Value.Type = Value.self) -> Query<Value> {
        Query(sql: self) { result throws(PGError) in
            guard result.rowCount == 1 else { throw .rows(result.rowCount, insteadOf: "one row") }
            try result.requireColumns(1)
            return try result.value(0, 0)
        }
    }

    /// One column of one row or none.
    @inlinable public func firstValue<Value: PGDecodable & Sendable>(_: Value.Type = Value.self) -> Query<Value?> {
        Query(sql: self) { result throws(PGError) in
            guard result.rowCount <= 1 else { throw .rows(result.rowCount, insteadOf: "one row at most") }
            if result.rowCount == 0 { return nil }
            try result.requireColumns(1)
            return try result.value(0, 0) as Value
        }
    }

    /// The number of rows that a command touched.
    @inlinable public var execute: Query<Int> {
        Query(sql: self) { result throws(PGError) in result.affected }
    }
}

/// Something that can run queries: the client, or an open transaction.
public protocol PGSession: Sendable {
    /// Sends statements in one round trip. Outside a transaction they are one: all take effect or none does.
    func perform(_ statements: [SQL]) async throws(PGError) -> [PGAnswer]
}

/// An answer still to be read by its query.
public struct PGAnswer: Sendable {
    @usableFromInline let result: PGResult
    /// Whether the statement is part of a transaction that is still open, so that nothing of it is committed yet.
    let inTransaction: Bool

    /// What cannot be read may have been written all the same.
    @inlinable func read<Output>(_ query: Query<Output>, index: Int?) throws(PGError) -> Output {
        do {
            return try query.read(result)
        } catch {
            throw located(error, index)
        }
    }

    @usableFromInline func located(_ error: PGError, _ index: Int?) -> PGError {
        var error = error
        error.queryIndex = index
        error.outcome = inTransaction ? .notApplied : .unknown
        return error
    }
}

extension PGSession {
    @inlinable public func run<Output: Sendable>(_ query: Query<Output>) async throws(PGError) -> Output {
        let answers = try await perform([query.sql])
        return try answers[0].read(query, index: nil)
    }

    /// One round trip, one implicit transaction: all take effect or none does.
    @inlinable public func run<each Output: Sendable>(_ queries: repeat Query<each Output>) async throws(PGError) -> (repeat each Output) {
        var statements: [SQL] = []
        for query in repeat each queries { statements.append(query.sql) }
        var answers = AnswerReader(answers: try await perform(statements))
        return (repeat try answers.next(each queries))
    }

    /// Queries of one shape in one round trip; none at all costs nothing.
    @inlinable public func runAll<Output: Sendable>(_ queries: [Query<Output>]) async throws(PGError) -> [Output] {
        guard !queries.isEmpty else { return [] }
        let answers = try await perform(queries.map(\.sql))
        var outputs: [Output] = []
        outputs.reserveCapacity(answers.count)
        for index in queries.indices { outputs.append(try answers[index].read(queries[index], index: index)) }
        return outputs
    }
}

@usableFromInline struct AnswerReader {
    @usableFromInline let answers: [PGAnswer]
    @usableFromInline var index = 0

    @inlinable init(answers: [PGAnswer]) {
        self.answers = answers
    }

    @inlinable mutating func next<Output>(_ query: Query<Output>) throws(PGError) -> Output {
        defer { index += 1 }
        return try answers[index].read(query, index: answers.count > 1 ? index : nil)
    }
}
