/// A JSON text (RFC 8259), read strictly: valid UTF-8, no key twice in an object, no number that loses digits.
///
/// Foundation's decoder keeps one of two equal keys without a word and rounds numbers; where money is told, both are a sender's mistake that
/// has to be named.
public indirect enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// An integer of at most 2^53 - 1 in magnitude.
    case integer(Int64)
    /// Any other number, as it was written: with a fraction, an exponent, or beyond 2^53 - 1.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// What the value is, as an error names it.
    public var kind: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer: "an integer"
        case .number: "a number that is no integer of at most 9007199254740991"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

/// The members of a JSON object in the order written; no name twice.
public struct JSONObject: Sendable {
    public private(set) var members: [(name: String, value: JSONValue)] = []

    public init() {}

    public subscript(name: String) -> JSONValue? {
        members.first { $0.name == name }?.value
    }

    /// False when the name is there already.
    mutating func add(_ name: String, _ value: JSONValue) -> Bool {
        guard self[name] == nil else { return false }
        members.append((name, value))
        return true
    }
}

/// Why a text is no JSON, and where.
public struct JSONSyntaxError: Error, Sendable, Equatable {
    public let problem: String
    /// Bytes before the place.
    public let offset: Int

    public var description: String { "\(problem) at byte \(offset)" }
}
