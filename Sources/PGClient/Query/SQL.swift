/// SQL text with bound values: `"select name from app where id = \(id)"`.
///
/// The text can only be literals of the program: what is interpolated becomes a parameter `$n`, or is another `SQL`, whose parameters are
/// renumbered. A string that came from outside does not compile as text, so it cannot become any.
public struct SQL: ExpressibleByStringInterpolation, Sendable {
    // SAFETY: what two share is not written any more: an interpolation copies it before it goes on.
    nonisolated(unsafe) let body: SQLBody

    public init(stringLiteral literal: StaticString) {
        var interpolation = Interpolation(literalCapacity: 0, interpolationCount: 0)
        interpolation.appendLiteral(literal)
        body = interpolation.body
    }

    public init(stringInterpolation: Interpolation) {
        body = stringInterpolation.body
    }

    /// A command of the client's own: COMMIT, SAVEPOINT, FETCH.
    init(command: String) {
        body = SQLBody.make(0)
        body.setCommand(command)
    }

    /// The same behind a command of the client's own: DECLARE CURSOR.
    func prefixed(_ command: String) -> SQL {
        let prefixed = body.copy()
        prefixed.setCommand(command)
        return SQL(prefixed)
    }

    /// The same with null for each value, to be kept: values may be large, and are nobody's business.
    var withoutValues: SQL {
        let copy = body.copy()
        copy.clearValues()
        return SQL(copy)
    }

    private init(_ body: SQLBody) {
        self.body = body
    }

    /// What the text is written with. Each value takes its binary form as soon as it is named, so nothing is left to be done when it is sent.
    public struct Interpolation: StringInterpolationProtocol {
        // SAFETY: it is written only while this is the one reference to it.
        nonisolated(unsafe) fileprivate var body: SQLBody

        public init(literalCapacity: Int, interpolationCount: Int) {
            body = SQLBody.make(interpolationCount * 2 + 1)
            // Numbers and short texts are most of what is bound.
            if interpolationCount > 0 { body.reserve(interpolationCount * 32) }
        }

        public mutating func appendLiteral(_ literal: StaticString) {
            guard literal.utf8CodeUnitCount > 0 else { return }
            makeRoom()
            body.append(.literal(literal))
        }

        /// Binds a value.
        @inlinable public mutating func appendInterpolation<Value: PGEncodable>(_ value: Value) {
            append(Value.pgType.oid, isNull: value.isNull) { value.encode(into: &$0) }
        }

        /// Sets another piece of SQL in.
        public mutating func appendInterpolation(_ fragment: SQL) {
            makeRoom(fragment.body.count)
            body.append(contentsOf: fragment.body)
        }

        @usableFromInline mutating func append(_ type: UInt32, isNull: Bool, encode: (inout PGBytes) -> Void) {
            makeRoom()
            if isNull { body.append(.value(of: type, at: 0, count: SQLPiece.null)) } else { body.appendValue(of: type, encode) }
        }

        private mutating func makeRoom(_ count: Int = 1) {
            if !isKnownUniquelyReferenced(&body) || body.room < count { body = body.copy(withRoomFor: count) }
        }
    }

    /// The text with `$1 …` in the place of values.
    public var text: String {
        var text = body.command
        // At once, not by doubling.
        text.reserveCapacity(text.utf8.count + pieces.reduce(0) { $0 + $1.room })
        var number = 0
        for piece in pieces {
            if let literal = piece.literal {
                text += String(decoding: literal, as: UTF8.self)
            } else {
                number += 1
                text += "$\(number)"
            }
        }
        return text
    }
}

/// The statements that the client sends are made of what a query is made of.
typealias Statement = SQL

extension SQL {
    var pieces: SQLPieces { SQLPieces(body: body) }
    var valueCount: Int { body.valueCount }

    /// The types that its values are sent as.
    package var parameterTypes: [UInt32] {
        var types: [UInt32] = []
        types.reserveCapacity(valueCount)
        for piece in pieces where !piece.isLiteral { types.append(piece.type) }
        return types
    }

    /// - Throws: `PGError` of kind decoding when a value has no form on the wire, or there are too many.
    func check() throws(PGError) {
        if let problem = body.problem { throw .decoding(problem) }
        guard valueCount <= Int(UInt16.max) else { throw .decoding("a statement has more than 65535 values") }
    }

    /// The statements of one round trip.
    static func all(_ queries: [SQL]) throws(PGError) -> [Statement] {
        for query in queries { try query.check() }
        return queries
    }

    /// Whether both are made of the same literals of the program around values of the same types, so that one can be prepared for the other; seen by
    /// address, without making the texts.
    func hasShape(of other: SQL) -> Bool { body.hasShape(of: other.body) }

    /// Of its shape.
    var hash: UInt { body.hash }
}
