/// One way in which something is not as the contract says.
struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// Where in the body (RFC 6901), behind `line N` for NDJSON; empty for the whole, or for what is no body.
    let pointer: String
    let message: String

    var description: String { pointer.isEmpty ? message : "\(pointer): \(message)" }
}

/// Holds values to the part of JSON Schema (2020-12) that the contract uses. A keyword that it does not know is a violation, never passed over.
struct SchemaValidator {
    /// Keywords that say something to the reader alone. Extensions (`x-…`) are the same.
    static let annotations: Set<String> = ["title", "description", "example", "examples", "default", "deprecated"]
    static let keywords: Set<String> = [
        "$ref", "type", "enum", "const", "allOf", "anyOf", "oneOf",
        "properties", "required", "additionalProperties", "items", "minItems", "maxItems", "uniqueItems",
        "minLength", "maxLength", "pattern", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
    ]
    /// A document that nests its references deeper than this refers to itself.
    static let depthLimit = 200

    private let document: OpenAPIDocument
    private let patterns = PatternCache()

    init(document: OpenAPIDocument) {
        self.document = document
    }

    /// All that is wrong with a value; empty when it is as the schema says.
    func violations(of value: JSONValue, against schema: JSONValue, at pointer: String = "") -> [Violation] {
        check(value, schema, pointer, depth: 0)
    }

    private func check(_ value: JSONValue, _ schema: JSONValue, _ pointer: String, depth: Int) -> [Violation] {
        func violation(_ message: String) -> [Violation] { [Violation(pointer: pointer, message: message)] }
        guard depth < Self.depthLimit else { return violation("the schema refers to itself without end") }
        switch schema {
        case .bool(true): return []
        case .bool(false): return violation("nothing may be here")
        case .object(let members):
            return members.sorted { $0.key < $1.key }.flatMap { keyword, argument -> [Violation] in
                if Self.annotations.contains(keyword) || keyword.hasPrefix("x-") { return [] }
                return switch keyword {
                case "$ref": checkReference(value, argument, pointer, depth)
                case "allOf", "anyOf", "oneOf": checkBranches(value, keyword, argument, pointer, depth)
                case "properties", "required", "additionalProperties":
                    checkObject(value, keyword, argument, members["properties"]?.object ?? [:], pointer, depth)
                case "items", "minItems", "maxItems", "uniqueItems": checkArray(value, keyword, argument, pointer, depth)
                case "minLength", "maxLength", "pattern": checkString(value, keyword, argument).flatMap(violation)
                case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum": checkNumber(value, keyword, argument).flatMap(violation)
                case "type": checkType(value, argument).flatMap(violation)
                case "enum": (argument.array ?? []).contains(value) ? [] : violation("\(value.brief) is none of \(argument.brief)")
                case "const": value == argument ? [] : violation("\(value.brief) is not \(argument.brief)")
                default: violation("the schema uses a keyword that this validator does not know: \(keyword)")
                }
            }
        default: return violation("a schema is an object or a boolean, not \(schema.brief)")
        }
    }

    private func checkReference(_ value: JSONValue, _ argument: JSONValue, _ pointer: String, _ depth: Int) -> [Violation] {
        do {
            return check(value, try document.target(of: argument.string ?? argument.brief), pointer, depth: depth + 1)
        } catch {
            return [Violation(pointer: pointer, message: String(describing: error))]
        }
    }

    private func checkBranches(
        _ value: JSONValue, _ keyword: String, _ argument: JSONValue, _ pointer: String, _ depth: Int
    ) -> [Violation] {
        let results = (argument.array ?? []).map { check(value, $0, pointer, depth: depth + 1) }
        if keyword == "allOf" { return results.flatMap { $0 } }
        let fitting = results.filter(\.isEmpty).count
        if fitting == 1 || (fitting > 1 && keyword == "anyOf") { return [] }
        guard fitting == 0 else { return [Violation(pointer: pointer, message: "fits \(fitting) branches of oneOf, not one")] }
        // The branch with the fewest complaints is probably the one that was meant.
        let nearest = results.min { $0.count < $1.count } ?? []
        return [Violation(pointer: pointer, message: "fits no branch of \(keyword)")] + nearest
    }

    private func checkObject(
        _ value: JSONValue, _ keyword: String, _ argument: JSONValue, _ properties: [String: JSONValue], _ pointer: String, _ depth: Int
    ) -> [Violation] {
        guard let members = value.object else { return [] }
        switch keyword {
        case "required":
            return (argument.array ?? []).compactMap(\.string).filter { members[$0] == nil }
                .map { Violation(pointer: pointer, message: "\($0) is missing") }
        case "properties":
            return properties.sorted { $0.key < $1.key }.flatMap { name, schema in
                members[name].map { check($0, schema, pointer + "/" + JSONPointer.escape(name), depth: depth + 1) } ?? []
            }
        default:
            return members.sorted { $0.key < $1.key }.filter { properties[$0.key] == nil }.flatMap {
                check($0.value, argument, pointer + "/" + JSONPointer.escape($0.key), depth: depth + 1)
            }
        }
    }

    private func checkArray(
        _ value: JSONValue, _ keyword: String, _ argument: JSONValue, _ pointer: String, _ depth: Int
    ) -> [Violation] {
        guard let elements = value.array else { return [] }
        func violation(_ message: String) -> [Violation] { [Violation(pointer: pointer, message: message)] }
        switch (keyword, argument) {
        case ("items", _): return elements.enumerated().flatMap { check($1, argument, "\(pointer)/\($0)", depth: depth + 1) }
        case ("minItems", .integer(let limit)):
            return elements.count >= limit ? [] : violation("\(elements.count) elements, at least \(limit)")
        case ("maxItems", .integer(let limit)):
            return elements.count <= limit ? [] : violation("\(elements.count) elements, at most \(limit)")
        case ("uniqueItems", .bool(let unique)):
            return !unique || Set(elements).count == elements.count ? [] : violation("an element is there twice")
        default: return violation("\(keyword) with \(argument.brief) means nothing")
        }
    }

    private func checkString(_ value: JSONValue, _ keyword: String, _ argument: JSONValue) -> [String] {
        guard let text = value.string else { return [] }
        let count = text.unicodeScalars.count
        switch (keyword, argument) {
        case ("minLength", .integer(let limit)): return count >= limit ? [] : ["\(count) characters, at least \(limit)"]
        case ("maxLength", .integer(let limit)): return count <= limit ? [] : ["\(count) characters, at most \(limit)"]
        case ("pattern", .string(let pattern)):
            guard let matches = patterns.matches(text, pattern) else { return ["the pattern \(pattern) cannot be read"] }
            return matches ? [] : ["\(value.brief) does not match \(pattern)"]
        default: return ["\(keyword) with \(argument.brief) means nothing"]
        }
    }

    private func checkNumber(_ value: JSONValue, _ keyword: String, _ argument: JSONValue) -> [String] {
        guard value.double != nil else { return [] }
        guard argument.double != nil else { return ["\(keyword) with \(argument.brief) means nothing"] }
        let order = value.order(to: argument)
        let holds =
            switch keyword {
            case "minimum": order >= 0
            case "maximum": order <= 0
            case "exclusiveMinimum": order > 0
            default: order < 0
            }
        return holds ? [] : ["\(value.brief) breaks \(keyword) \(argument.brief)"]
    }

    private func checkType(_ value: JSONValue, _ argument: JSONValue) -> [String] {
        let allowed = argument.array?.compactMap(\.string) ?? [argument.string].compactMap { $0 }
        let known: Set = ["null", "boolean", "integer", "number", "string", "array", "object"]
        guard !allowed.isEmpty, allowed.allSatisfy(known.contains) else { return ["type \(argument.brief) means nothing"] }
        if allowed.contains(value.typeName) || (allowed.contains("number") && value.double != nil) { return [] }
        return ["\(value.brief) is of type \(value.typeName), not \(allowed.joined(separator: " or "))"]
    }
}
