/// What went wrong with the database.
///
/// `description` never shows a value: it can be logged anywhere. `debugDescription` adds what the server said of the row at fault.
public struct PGError: Error, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    public enum Kind: String, Sendable {
        /// The server answered with an error: `sqlState` says which.
        case server
        /// No connection could be made, or it broke.
        case connection
        /// No connection became free in time.
        case poolTimeout
        /// Too many wait already.
        case poolFull
        /// The Swift task was cancelled.
        case cancelled
        /// The answer does not have the shape that the query promises, or a value cannot be sent.
        case decoding
        /// The client or batcher is shut down, or a transaction is used after its end.
        case notRunning
        /// COMMIT was answered with the tag ROLLBACK: nothing was committed.
        case commitRefused
    }

    /// Whether what was asked for may have been written.
    public enum Outcome: String, Sendable {
        /// Certainly nothing was committed.
        case notApplied
        /// The connection was lost, or the wait given up, after a statement was sent that commits: it may have happened or not.
        case unknown
    }

    public var kind: Kind
    public var outcome: Outcome
    public var sqlState: SQLState?
    /// The constraint that refused, as the server names it.
    public var constraint: String?
    /// The server's primary message where it names tables and constraints but no values, the class of the error where it may quote one; or ours. One line,
    /// whatever the server said.
    public var message: String
    /// What else the server said, which may show values. One line too.
    public var detail: String?
    /// Which query of a pipeline failed, from 0.
    public var queryIndex: Int?
    /// The connection was found gone before anything was sent on it: the same work may go to another.
    var beforeSending = false
    /// The server ended the session with this error.
    var endsSession = false
    /// A prepared statement no longer fits: the schema changed under it, or the session was reset.
    var isStaleStatement = false

    public init(
        _ kind: Kind, _ message: String, outcome: Outcome = .notApplied, sqlState: SQLState? = nil, constraint: String? = nil,
        detail: String? = nil, queryIndex: Int? = nil
    ) {
        self.kind = kind
        self.message = message.asOneLine
        self.outcome = outcome
        self.sqlState = sqlState
        self.constraint = constraint?.asOneLine
        self.detail = detail?.asOneLine
        self.queryIndex = queryIndex
    }

    /// An answer, or a value to be sent, that is not what the code promised.
    public static func decoding(_ message: String) -> PGError {
        PGError(.decoding, message)
    }

    public var description: String {
        var text = "\(kind.rawValue): \(message)"
        if let sqlState { text += " (SQLSTATE \(sqlState.code))" }
        if let constraint { text += " [\(constraint)]" }
        if let queryIndex { text += " in query \(queryIndex) of the pipeline" }
        if outcome == .unknown { text += "; outcome unknown" }
        return text
    }

    public var debugDescription: String {
        detail.map { "\(description) \($0)" } ?? description
    }
}

extension String {
    /// The text with a space for each control character and line end: what the server quotes can be anybody's, and must not begin a line of the log
    /// or move a terminal's cursor.
    fileprivate var asOneLine: String {
        guard unicodeScalars.contains(where: \.breaksLines) else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.map { $0.breaksLines ? " " : $0 }))
    }
}

extension Unicode.Scalar {
    fileprivate var breaksLines: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

/// A five-character SQLSTATE (PostgreSQL documentation, appendix A).
public struct SQLState: Hashable, Sendable {
    public let code: String

    public init(_ code: String) {
        self.code = code
    }

    public static let uniqueViolation = SQLState("23505")
    public static let foreignKeyViolation = SQLState("23503")
    public static let checkViolation = SQLState("23514")
    public static let serializationFailure = SQLState("40001")
    public static let deadlockDetected = SQLState("40P01")
    public static let insufficientPrivilege = SQLState("42501")
    public static let queryCanceled = SQLState("57014")
    public static let lockNotAvailable = SQLState("55P03")
    public static let diskFull = SQLState("53100")
    public static let outOfMemory = SQLState("53200")
    public static let undefinedTable = SQLState("42P01")
    static let invalidStatementName = SQLState("26000")
    static let featureNotSupported = SQLState("0A000")

    /// For classes of errors whose messages may quote values, what stands in their place: the standard's name of the class. Data exceptions quote what they
    /// cannot read, errors of names a name that came as a value (`set_config`, `::regclass`), functions whatever they like.
    var nameOfQuotingClass: String? {
        switch code.prefix(2) {
        case "22": "data exception"
        case "3F": "invalid schema name"
        case "42": "syntax error or access rule violation"
        case "P0": "error raised by a function"
        default: nil
        }
    }

    /// Whether the same transaction may succeed when run again: 40001 and 40P01.
    public var isTransient: Bool { self == .serializationFailure || self == .deadlockDetected }

    /// Whether the server is going away or short of means (classes 53, 57P, 58 and 08): try again later.
    public var isUnavailable: Bool {
        code.hasPrefix("08") || code.hasPrefix("53") || code.hasPrefix("57P") || code.hasPrefix("58") || code == "25006"
    }
}

extension PGError {
    /// Whether the database cannot serve just now, whoever asks: the answer to give is "later".
    public var isUnavailable: Bool {
        switch kind {
        case .connection, .poolTimeout, .poolFull, .notRunning: true
        case .server: sqlState?.isUnavailable ?? false
        case .cancelled, .decoding, .commitRefused: false
        }
    }
}
