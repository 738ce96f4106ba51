/// SQL text with bound values: `"select name from app where id = \(id)"`.
///
/// The text can only be literals of the program: what is interpolated becomes a parameter `$n`, or is another `SQL`, whose parameters are
/// renumbered. A string that came from outside does not compile as text, so it cannot become any.
public struct SQL: ExpressibleByStringInterpolation, Sendable {
    enum Piece: Sendable {
        case literal(StaticString)
        case value(any PGEncodable)
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

    init(_ sql: SQL) throws(PGError) {
        text = sql.text
        var types: [UInt32] = []
        var ranges: [Range<Int>?] = []
        var bytes = PGBytes()
        for value in sql.values {
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
        self.types = types
        self.ranges = ranges
        // One byte more, so that an empty text, which is not null, has an address too.
        self.bytes = bytes.bytes + [0]
    }
}
