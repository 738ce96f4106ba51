/// Rows of a query as they are asked for: the server holds a cursor, and a batch is fetched when the one before it is used up.
///
/// Memory is that of one batch, however many rows there are and however slow the reader is.
public struct PGRows<Row: PGRowDecodable>: AsyncSequence, Sendable {
    public typealias Element = Row

    let transaction: PGTransaction
    let fetch: Statement

    public func makeAsyncIterator() -> Iterator {
        Iterator(rows: self)
    }

    /// Rows in the batches in which they come, for readers that work on many at a time.
    public var batches: PGRowBatches<Row> { PGRowBatches(rows: self) }

    func next() async throws(PGError) -> [Row] {
        let result = try await transaction.execute([fetch])[0]
        var rows: [Row] = []
        rows.reserveCapacity(result.rowCount)
        for index in 0..<result.rowCount { rows.append(try Row(row: PGRow(result: result, index: index))) }
        return rows
    }

    public struct Iterator: AsyncIteratorProtocol {
        let rows: PGRows
        var batch: ArraySlice<Row> = []

        public mutating func next() async throws(PGError) -> Row? {
            if batch.isEmpty { batch = try await rows.next()[...] }
            return batch.popFirst()
        }
    }
}

/// See `PGRows.batches`. No batch is empty.
public struct PGRowBatches<Row: PGRowDecodable>: AsyncSequence, Sendable {
    public typealias Element = [Row]

    let rows: PGRows<Row>

    public func makeAsyncIterator() -> Iterator {
        Iterator(rows: rows)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let rows: PGRows<Row>

        public mutating func next() async throws(PGError) -> [Row]? {
            let batch = try await rows.next()
            return batch.isEmpty ? nil : batch
        }
    }
}

extension PGTransaction {
    /// Streams the rows of a query to the body, `batch` at a time.
    public func stream<Row: PGRowDecodable, T>(
        _ sql: SQL, as: Row.Type, batch: Int = 2_000, _ body: (PGRows<Row>) async throws -> T
    ) async throws -> T {
        precondition((1...1_000_000).contains(batch), "a batch has 1 to 1,000,000 rows")
        let name = nextName()
        try sql.check()
        let declare = sql.prefixed("declare \(name) no scroll cursor for ")
        // The whole result is wanted, not its first rows: let the planner know.
        _ = try await execute([Statement(command: "set local cursor_tuple_fraction = 1"), declare])
        let result = try await body(PGRows(transaction: self, fetch: Statement(command: "fetch \(batch) from \(name)")))
        _ = try await execute([Statement(command: "close \(name)")])
        return result
    }
}

extension PGClient {
    /// Streams the rows of a query to the body, from one snapshot of the database.
    public func stream<Row: PGRowDecodable, T: Sendable>(
        _ sql: SQL, as type: Row.Type, batch: Int = 2_000, _ body: (PGRows<Row>) async throws -> T
    ) async throws -> T {
        try await transaction(.repeatableRead, readOnly: true) { transaction in
            try await transaction.stream(sql, as: type, batch: batch, body)
        }
    }
}
