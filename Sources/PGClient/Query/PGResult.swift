import CLibPQ

/// What one statement answered.
///
/// A few values are copied out of libpq's result, which is freed at once: libpq takes some three kilobytes for each, and those of a pipeline would be
/// held until its last answer is read. What is larger stays where it is.
@usableFromInline struct PGResult: Sendable {
    private enum Storage {
        case whole(WholeResult)
        case copied(CopiedResults, at: Int32)
    }

    // SAFETY: what was copied is not written any more once the pipeline's results are handed on.
    nonisolated(unsafe) private let storage: Storage

    /// Takes over a result of libpq.
    init(_ pointer: OpaquePointer) {
        storage = .whole(WholeResult(pointer))
    }

    init(_ copied: CopiedResults, at place: Int) {
        storage = .copied(copied, at: Int32(place))
    }

    var status: ExecStatusType {
        switch storage {
        case .whole(let result): result.status
        case .copied: PGRES_TUPLES_OK
        }
    }

    /// Whether data is to follow by COPY.
    var isCopy: Bool { status.isCopy }

    /// Whether there is an error to read.
    var isError: Bool {
        let status = status
        return status == PGRES_FATAL_ERROR || status == PGRES_NONFATAL_ERROR || status == PGRES_BAD_RESPONSE
    }

    @usableFromInline var rowCount: Int {
        switch storage {
        case .whole(let result): result.rowCount
        case .copied(let results, let place): results.rowCount(place)
        }
    }

    @usableFromInline var columnCount: Int {
        switch storage {
        case .whole(let result): result.columnCount
        case .copied(let results, let place): results.columnCount(place)
        }
    }

    /// Valid as long as the result is there.
    @usableFromInline func cell(_ row: Int, _ column: Int) -> PGCell {
        switch storage {
        case .whole(let result): result.cell(row, column)
        case .copied(let results, let place): results.cell(place, row, column)
        }
    }

    /// The command tag: "INSERT 0 5", "COMMIT".
    var commandTag: String {
        switch storage {
        case .whole(let result): result.commandTag
        case .copied(let results, let place): results.commandTag(place)
        }
    }

    /// Rows that the command touched, 0 where it counts none.
    @usableFromInline var affected: Int {
        switch storage {
        case .whole(let result): result.affected
        case .copied(let results, let place): results.affected(place)
        }
    }

    /// Of a description: the types of parameters and columns.
    var shape: StatementShape {
        guard case .whole(let result) = storage else { return StatementShape(parameters: [], columns: []) }
        return result.shape
    }

    /// The server's error, nil when there is none.
    func error() -> PGError? {
        guard case .whole(let result) = storage, isError else { return nil }
        return result.error
    }
}

extension ExecStatusType {
    var isCopy: Bool { self == PGRES_COPY_IN || self == PGRES_COPY_OUT || self == PGRES_COPY_BOTH }
}

extension PGResult {
    /// Reads a value.
    @inlinable func value<Value: PGDecodable>(_ row: Int, _ column: Int, as _: Value.Type = Value.self) throws(PGError) -> Value {
        do throws(PGError) {
            return try withExtendedLifetime(self) { result throws(PGError) in try Value(pg: result.cell(row, column)) }
        } catch {
            throw .decoding(error, column: column)
        }
    }

    @inlinable func requireColumns(_ count: Int) throws(PGError) {
        if columnCount != count { throw .columns(columnCount, readAs: count) }
    }
}

extension PGError {
    @usableFromInline static func decoding(_ error: PGError, column: Int) -> PGError {
        .decoding("column \(column + 1): \(error.message)")
    }

    @usableFromInline static func columns(_ count: Int, readAs due: Int) -> PGError {
        .decoding("a row of \(count) columns is read as one of \(due)")
    }

    @usableFromInline static func rows(_ count: Int, insteadOf due: StaticString) -> PGError {
        .decoding("\(due) is due, \(count) came")
    }
}
