import CLibPQ

/// Takes rows for a COPY into a table. Memory is that of one packet, however many rows there are.
public struct CopyWriter: ~Copyable {
    private let transaction: PGTransaction
    /// Their types, by object id.
    private let columns: [UInt32]
    private var buffer = PGBytes()

    /// Sent when this much has gathered.
    private static let packet = 65_536

    init(_ transaction: PGTransaction, columns: [UInt32]) {
        self.transaction = transaction
        self.columns = columns
        // The signature of the binary form, no flags, no header extension (PostgreSQL documentation, COPY, "Binary Format").
        buffer.append(Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0x00])
        buffer.append(Int32(0))
        buffer.append(Int32(0))
    }

    /// Adds a row. The types must be those of the columns: COPY converts nothing, and the bytes of one type may be a value of another.
    ///
    /// - Throws: `PGError` of kind decoding when the number or a type of the values is not that of the columns or a value has no form on the wire.
    public mutating func write<each Value: PGEncodable>(_ values: repeat each Value) async throws(PGError) {
        var count = 0
        for _ in repeat each values { count += 1 }
        guard count == columns.count else { throw .decoding("\(count) values for \(columns.count) columns") }
        var column = 0
        for type in repeat (each Value).pgType {
            guard type.oid == columns[column] else {
                throw .decoding("value \(column + 1) is of type \(type.oid), its column of type \(columns[column])")
            }
            column += 1
        }
        buffer.append(Int16(count))
        for value in repeat each values { buffer.appendField(value) }
        if let problem = buffer.problem { throw .decoding(problem) }
        if buffer.bytes.count >= Self.packet { try await flush() }
    }

    mutating func finish() async throws(PGError) {
        buffer.append(Int16(-1))
        try await flush()
    }

    private mutating func flush() async throws(PGError) {
        let bytes = buffer.bytes
        buffer = PGBytes()
        try await transaction.step { connection throws(PGError) in try connection.sendCopy(bytes) }
    }
}

/// How COPY writes rows out.
public enum CopyFormat: Sendable {
    case text
    case csv
    case binary

    var options: String {
        switch self {
        case .text: "format text"
        case .csv: "format csv"
        case .binary: "format binary"
        }
    }
}

/// The data of a COPY out of the database, in chunks of whole rows, as they are asked for.
public struct CopyChunks: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    let transaction: PGTransaction

    /// About the size of a chunk.
    private static let size = 65_536

    public func makeAsyncIterator() -> Iterator {
        Iterator(transaction: transaction)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let transaction: PGTransaction
        var ended = false

        public mutating func next() async throws(PGError) -> [UInt8]? {
            guard !ended else { return nil }
            let chunk = try await transaction.step { connection throws(PGError) in try connection.nextCopy(size: CopyChunks.size) }
            ended = chunk == nil
            return chunk
        }
    }
}

extension PGTransaction {
    /// Runs one step of a COPY, after BEGIN.
    fileprivate func step<T: Sendable>(_ step: @Sendable (isolated PGConnection) throws(PGError) -> T) async throws(PGError) -> T {
        try await connection.cancellable(in: loan, step)
    }

    /// Copies rows into a table, as part of the transaction: what the body throws undoes them all.
    ///
    /// - Returns: the number of rows.
    public func copy(
        into table: StaticString, columns: [StaticString], _ body: (inout CopyWriter) async throws -> Void
    ) async throws -> Int {
        let names = columns.map { "\($0)" }.joined(separator: ", ")
        let types = try await step { connection throws(PGError) in
            try connection.describe("select \(names) from \(table)", types: []).columns.map { $0.type }
        }
        let command = "copy \(table) (\(names)) from stdin (format binary)"
        try await step { connection throws(PGError) in try connection.beginCopy(command, expecting: PGRES_COPY_IN) }
        var writer = CopyWriter(self, columns: types)
        do {
            try await body(&writer)
            try await writer.finish()
        } catch {
            await connection.giveUpCopy(loan)
            throw error
        }
        return try await step { connection throws(PGError) in try connection.endCopy(refusing: nil) }
    }

    /// Copies the rows of a query out; the body must read to the end. Values can be integers, booleans and texts: COPY takes no parameters, so they are written as literals.
    public func copyOut<T>(_ query: SQL, format: CopyFormat, _ body: (CopyChunks) async throws -> T) async throws -> T {
        try await step { connection throws(PGError) in
            let text = try connection.inlined(query)
            try connection.beginCopy("copy (\(text)) to stdout (\(format.options))", expecting: PGRES_COPY_OUT)
        }
        do {
            let result = try await body(CopyChunks(transaction: self))
            // A body that has seen enough leaves the rest unread, and the connection in the middle of it: another one is cheaper.
            if await connection.leaveCopy(loan) { throw LeftEarly(result: result) }
            return result
        } catch {
            _ = await connection.leaveCopy(loan)
            throw error
        }
    }
}

/// The body returned before the COPY had ended: its connection, and with it the transaction, is given up.
private struct LeftEarly<T>: Error, @unchecked Sendable {
    // SAFETY: thrown and caught within one task, on the way out of `copyOut`.
    let result: T
}

extension PGClient {
    /// Copies rows into a table: all of them or, when the body throws, none.
    ///
    /// - Returns: the number of rows.
    public func copy(
        into table: StaticString, columns: [StaticString], _ body: (inout CopyWriter) async throws -> Void
    ) async throws -> Int {
        try await transaction { try await $0.copy(into: table, columns: columns, body) }
    }

    /// Copies the rows of a query out, from one snapshot of the database. See `PGTransaction.copyOut`.
    public func copyOut<T: Sendable>(_ query: SQL, format: CopyFormat, _ body: (CopyChunks) async throws -> T) async throws -> T {
        do {
            return try await transaction(.repeatableRead, readOnly: true) { try await $0.copyOut(query, format: format, body) }
        } catch let early as LeftEarly<T> {
            // Nothing but reading went on: there is nothing to commit.
            return early.result
        }
    }
}
