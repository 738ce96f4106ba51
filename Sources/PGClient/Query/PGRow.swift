/// One row of an answer.
public struct PGRow: Sendable {
    @usableFromInline let result: PGResult
    @usableFromInline let index: Int

    @usableFromInline init(result: PGResult, index: Int) {
        self.result = result
        self.index = index
    }

    public var columnCount: Int { result.columnCount }

    /// Reads all columns, in order, as values of the given types.
    ///
    /// - Throws: `PGError` of kind decoding when the number of columns or a type differs, a null stands where none may, or a value is out of range.
    @inlinable public func decode<each Column: PGDecodable>(
        _: (repeat each Column).Type = (repeat each Column).self
    ) throws(PGError) -> (repeat each Column) {
        var count = 0
        for _ in repeat (each Column).self { count += 1 }
        try result.requireColumns(count)
        var reader = ColumnReader(row: self)
        return (repeat try reader.next((each Column).self))
    }
}

@usableFromInline struct ColumnReader {
    @usableFromInline let row: PGRow
    @usableFromInline var column = 0

    @inlinable init(row: PGRow) {
        self.row = row
    }

    @inlinable mutating func next<Column: PGDecodable>(_: Column.Type) throws(PGError) -> Column {
        defer { column += 1 }
        return try row.result.value(row.index, column)
    }
}

/// A value that can be read from a row.
public protocol PGRowDecodable: Sendable {
    /// - Throws: `PGError` of kind decoding when the row has another shape.
    init(row: PGRow) throws(PGError)
}
