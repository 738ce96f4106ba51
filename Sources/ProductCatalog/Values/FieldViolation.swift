/// One field of a request that breaks a rule, said so that the person who sent it can put it right.
public struct FieldViolation: Error, Hashable, Sendable {
    /// RFC 6901 JSON pointer into what was sent: "/pricePlans/0/amount".
    public let pointer: String
    /// What is wrong, in words: "1 to 100000000 fen".
    public let detail: String

    public init(_ pointer: String, _ detail: String) {
        self.pointer = pointer
        self.detail = detail
    }
}

/// All the rules that a request breaks, not the first alone.
public struct InvalidFields: Error, Sendable {
    public let violations: [FieldViolation]

    public init(_ violations: [FieldViolation]) {
        self.violations = violations
    }
}

/// A request whose fields are missing or of the wrong type: not of the shape that is taken, whatever the values.
public struct MalformedFields: Error, Sendable {
    public let violations: [FieldViolation]

    public init(_ violations: [FieldViolation]) {
        self.violations = violations
    }
}

/// Gathers the violations of one request while its fields are checked one by one.
public struct FieldCheck {
    public private(set) var violations: [FieldViolation] = []

    public init() {}

    public mutating func fail(_ pointer: String, _ detail: String) {
        violations.append(FieldViolation(pointer, detail))
    }

    public mutating func require(_ holds: Bool, _ pointer: String, _ detail: String) {
        if !holds { fail(pointer, detail) }
    }

    /// Text of a given number of characters (Unicode scalars, as PostgreSQL counts them), without control characters;
    /// `multiline` lets newlines and tabs stand. NUL is refused always: PostgreSQL has no place for it.
    public mutating func text(_ value: String, _ pointer: String, length: ClosedRange<Int>, multiline: Bool = false) {
        let scalars = value.unicodeScalars
        if !length.contains(scalars.count) {
            fail(pointer, "\(length.lowerBound) to \(length.upperBound) characters")
        } else if scalars.contains(where: { $0.properties.generalCategory == .control && !(multiline && ["\n", "\r", "\t"].contains($0)) })
        {
            fail(pointer, "no control characters")
        }
    }

    /// Throws all that was gathered, if anything was.
    public func finish() throws(InvalidFields) {
        if !violations.isEmpty { throw InvalidFields(violations) }
    }
}
