/// SQL text with bound values: `"select name from app where id = \(id)"`.
///
/// The text can only be literals of the program: what is interpolated becomes a parameter `$n`, or is another `SQL`, whose parameters are
/// renumbered. A string that came from outside does not compile as text, so it cannot become any.
public struct SQL: ExpressibleByStringInterpolation, Sendable {
    enum Piece: Sendable {
        case literal(StaticString)
        case value(any PGEncodable)

        /// Bytes that it takes in the text: `$65535` is the longest name of a value.
        var room: Int {
            switch self {
            case .literal(let literal): literal.utf8CodeUnitCount
            case .value: 6
            }
        }
    }

    let pieces: [Piece]

    public init(stringLiteral literal: StaticString) {
        pieces = [.literal(literal)]
    }

    public init(stringInterpolation: Interpolation) {
        pieces = stringInterpolation.pieces
    }

    public struct Interpolation: StringInterpolationProtocol {
        var pieces: [Piece] = []

        public init(literalCapacity: Int, interpolationCount: Int) {
            pieces.reserveCapacity(interpolationCount * 2 + 1)
        }

        public mutating func appendLiteral(_ literal: StaticString) {
            if literal.utf8CodeUnitCount > 0 { pieces.append(.literal(literal)) }
        }

        /// Binds a value.
        public mutating func appendInterpolation(_ value: some PGEncodable) {
            pieces.append(.value(value))
        }

        /// Sets another piece of SQL in.
        public mutating func appendInterpolation(_ fragment: SQL) {
            pieces.append(contentsOf: fragment.pieces)
        }
    }

    /// The text with `$1 …` in the place of values.
    public var text: String {
        var text = ""
        // At once, not by doubling: the text of every query is made here.
        text.reserveCapacity(pieces.reduce(0) { $0 + $1.room })
        var number = 0
        for piece in pieces {
            switch piece {
            case .literal(let literal): literal.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
            case .value:
                number += 1
                text += "$\(number)"
            }
        }
        return text
    }

    /// Whether both are made of the same literals of the program around as many values, so that their texts are surely the same; seen by address,
    /// without making the texts.
    func isMade(like other: SQL) -> Bool {
        guard pieces.count == other.pieces.count else { return false }
        return zip(pieces, other.pieces).allSatisfy { one, two in
            switch (one, two) {
            case (.value, .value): true
            case (.literal(let one), .literal(let two)):
                one.hasPointerRepresentation && two.hasPointerRepresentation && one.utf8Start == two.utf8Start
                    && one.utf8CodeUnitCount == two.utf8CodeUnitCount
            default: false
            }
        }
    }

    var values: [any PGEncodable] {
        pieces.compactMap { piece in
            if case .value(let value) = piece { value } else { nil }
        }
    }
}

/// What goes over the wire: text and the binary form of each value.
struct Statement: Sendable {
    let text: String
    let types: [UInt32]
    /// All values in one piece; nil where a value is null.
    let bytes: [UInt8]
    let ranges: [Range<Int>?]

    var key: StatementCache.Key { StatementCache.Key(text: text, types: types) }

    /// A command of the client's own: COMMIT, SAVEPOINT, FETCH.
    init(command: String) {
        text = command
        types = []
        ranges = []
        bytes = [0]
    }

    private init(text: String, of other: Statement) {
        self.text = text
        types = other.types
        ranges = other.ranges
        bytes = other.bytes
    }

    /// The same values behind a text with a command of the client's own in front: DECLARE CURSOR.
    func prefixed(_ command: String) -> Statement {
        Statement(text: command + text, of: self)
    }

    /// - Parameter previous: what was made before; where it is of one shape with this, as in a pipeline it mostly is, they share text and types,
    ///   and comparing the two costs nothing.
    init(_ sql: SQL, previous: (sql: SQL, statement: Statement)? = nil) throws(PGError) {
        let like = previous.flatMap { $0.sql.isMade(like: sql) ? $0.statement : nil }
        text = like?.text ?? sql.text
        var types: [UInt32] = []
        var ranges: [Range<Int>?] = []
        var bytes = PGBytes()
        types.reserveCapacity(sql.pieces.count)
        ranges.reserveCapacity(sql.pieces.count)
        for case .value(let value) in sql.pieces {
            types.append(type(of: value).pgType.oid)
            guard !value.isNull else {
                ranges.append(nil)
                continue
            }
            let start = bytes.bytes.count
            value.encode(into: &bytes)
            ranges.append(start..<bytes.bytes.count)
        }
        if let problem = bytes.problem { throw .decoding(problem) }
        guard types.count <= Int(UInt16.max) else { throw .decoding("a statement has more than 65535 values") }
        self.types = like?.types == types ? like?.types ?? types : types
        self.ranges = ranges
        // One byte more, so that an empty text, which is not null, has an address too.
        bytes.bytes.append(0)
        self.bytes = bytes.bytes
    }

    /// The statements of one round trip.
    static func all(_ queries: [SQL]) throws(PGError) -> [Statement] {
        var statements: [Statement] = []
        statements.reserveCapacity(queries.count)
        for (index, query) in queries.enumerated() {
            statements.append(try Statement(query, previous: statements.last.map { (queries[index - 1], $0) }))
        }
        return statements
    }
}
