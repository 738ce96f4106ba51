extension JSONValue {
    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Below, at or above zero, as this number is below, at or above the other; integers are compared as integers. Zero for what is no number.
    func order(to other: JSONValue) -> Int {
        if case .integer(let left) = self, case .integer(let right) = other { return left < right ? -1 : left == right ? 0 : 1 }
        guard let left = double, let right = other.double else { return 0 }
        return left < right ? -1 : left == right ? 0 : 1
    }

    /// The value as a message shows it: whole when it is short.
    var brief: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let value): "\(value)"
        case .string(let text): text.count <= 80 ? text.debugDescription : "\(String(text.prefix(80)).debugDescription)…"
        case .array(let elements):
            elements.count <= 8 ? "[\(elements.map(\.brief).joined(separator: ", "))]" : "an array of \(elements.count)"
        case .object(let members): "an object with \(members.keys.sorted().prefix(12).joined(separator: ", "))"
        }
    }
}

/// Compiled patterns of one validator, which is used by one task: compiling costs more than matching.
final class PatternCache {
    private var compiled: [String: Regex<AnyRegexOutput>] = [:]

    /// Whether the text matches anywhere, by code points as JSON Schema has it; nil for a pattern that is none.
    func matches(_ text: String, _ pattern: String) -> Bool? {
        guard let regex = regex(pattern) else { return nil }
        return text.firstMatch(of: regex) != nil
    }

    private func regex(_ pattern: String) -> Regex<AnyRegexOutput>? {
        if let known = compiled[pattern] { return known }
        // In JSON Schema `$` is the very end; here it would also match before a last line break.
        let exact = pattern.hasSuffix("$") && !pattern.hasSuffix("\\$") ? String(pattern.dropLast()) + "\\z" : pattern
        guard let regex = try? Regex(exact).matchingSemantics(.unicodeScalar) else { return nil }
        compiled[pattern] = regex
        return regex
    }
}
