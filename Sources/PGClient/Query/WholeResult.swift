// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CLibPQ

/// A result of libpq. Rows share it; it is freed with the last of them.
final class WholeResult: @unchecked Sendable {
    // SAFETY: libpq never changes a PGresult after it has been returned, and reading one from several threads is allowed (libpq, "Behavior in
    // Threaded Programs"); the pointer leaves this class only as long as a read lasts.
    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit { PQclear(pointer) }

    var status: ExecStatusType { PQresultStatus(pointer) }
    var rowCount: Int { Int(PQntuples(pointer)) }
    var columnCount: Int { Int(PQnfields(pointer)) }
    var commandTag: String { String(cString: PQcmdStatus(pointer)) }
    var affected: Int { Self.affected(pointer) }

    static func affected(_ pointer: OpaquePointer) -> Int {
        // The number's digits, or an empty text.
        Int(String(cString: PQcmdTuples(pointer))) ?? 0
    }

    func cell(_ row: Int, _ column: Int) -> PGCell {
        let oid = PQftype(pointer, Int32(column))
        if PQgetisnull(pointer, Int32(row), Int32(column)) != 0 { return PGCell(bytes: nil, oid: oid) }
        let count = Int(PQgetlength(pointer, Int32(row), Int32(column)))
        return PGCell(bytes: UnsafeRawBufferPointer(start: PQgetvalue(pointer, Int32(row), Int32(column)), count: count), oid: oid)
    }

    /// Of a description: the types of parameters and columns.
    var shape: StatementShape {
        StatementShape(
            parameters: (0..<PQnparams(pointer)).map { PQparamtype(pointer, $0) },
            columns: (0..<PQnfields(pointer)).map { column in
                StatementShape.Column(
                    name: PQfname(pointer, column).map { String(cString: $0) } ?? "", type: PQftype(pointer, column),
                    table: PQftable(pointer, column), number: Int(PQftablecol(pointer, column)))
            })
    }

    /// The server's error, of a result that is one.
    var error: PGError {
        let state = field(PG_DIAG_SQLSTATE)
        let message = field(PG_DIAG_MESSAGE_PRIMARY) ?? String(cString: PQresultErrorMessage(pointer))
        guard let state else { return PGError(.connection, message.trimmedLine, outcome: .unknown) }
        let sqlState = SQLState(state)
        var (shown, detail) = (message, field(PG_DIAG_MESSAGE_DETAIL))
        // A message of names that points into the statement's text, or quotes nothing, is of that text, which is the program's.
        let isOfText = !["22", "P0"].contains(state.prefix(2)) && (field(PG_DIAG_STATEMENT_POSITION) != nil || !message.contains("\""))
        if !isOfText, let name = sqlState.nameOfQuotingClass {
            detail = [message, detail].compactMap(\.self).joined(separator: " ")
            shown = name
        }
        var error = PGError(.server, shown, sqlState: sqlState, constraint: field(PG_DIAG_CONSTRAINT_NAME), detail: detail)
        let severity = field(PG_DIAG_SEVERITY_NONLOCALIZED)
        error.endsSession = severity == "FATAL" || severity == "PANIC"
        // A changed result type has no SQLSTATE of its own, and its message is in the server's language.
        error.isStaleStatement =
            error.sqlState == .invalidStatementName
            || (error.sqlState == .featureNotSupported && field(PG_DIAG_SOURCE_FUNCTION) == "RevalidateCachedQuery")
        return error
    }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(pointer, code).map { String(cString: $0) }
    }
}

/// PG_DIAG_* are character macros, which Swift does not import.
private let PG_DIAG_SQLSTATE = Int32(UInt8(ascii: "C"))
private let PG_DIAG_MESSAGE_PRIMARY = Int32(UInt8(ascii: "M"))
private let PG_DIAG_STATEMENT_POSITION = Int32(UInt8(ascii: "P"))
private let PG_DIAG_MESSAGE_DETAIL = Int32(UInt8(ascii: "D"))
private let PG_DIAG_CONSTRAINT_NAME = Int32(UInt8(ascii: "n"))
private let PG_DIAG_SEVERITY_NONLOCALIZED = Int32(UInt8(ascii: "V"))
private let PG_DIAG_SOURCE_FUNCTION = Int32(UInt8(ascii: "R"))

extension String {
    /// The text without the line end that libpq closes its messages with.
    var trimmedLine: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text = text.dropLast() }
        return String(text).replacing("\n", with: " ")
    }
}
