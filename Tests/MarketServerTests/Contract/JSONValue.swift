import Foundation
import Yams

/// A JSON value, read from a body or from the contract's YAML; both are compared as what they mean, not as text.
enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The member of an object; nil of anything else.
    subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[key]
    }

    var object: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    var integer: Int? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// What JSON Schema calls the value's type. A number without a fraction is an `integer` too: see `SchemaValidator`.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension JSONValue: Decodable {
    /// Reads one JSON text, a bare scalar included; throws when the bytes are anything else.
    init(json: some Sequence<UInt8>) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: Data(json))
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }
}

extension JSONValue {
    /// Reads a YAML document; throws on broken YAML and on a key that is there twice.
    init(yaml: String) throws {
        guard let node = try Yams.compose(yaml: yaml) else {
            self = .null
            return
        }
        try self.init(node: node)
    }

    private init(node: Node) throws {
        switch node {
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, value) in mapping {
                guard let name = key.scalar?.string else { throw YAMLProblem(message: "a key that is no scalar at \(place(of: key))") }
                guard members.updateValue(try JSONValue(node: value), forKey: name) == nil else {
                    throw YAMLProblem(message: "\(name) is there twice at \(place(of: key))")
                }
            }
            self = .object(members)
        case .sequence(let sequence):
            self = .array(try sequence.map(JSONValue.init(node:)))
        case .scalar(let scalar):
            self.init(scalar: scalar, node: node)
        case .alias:
            throw YAMLProblem(message: "an alias at \(place(of: node)): say it with $ref")
        }
    }

    private init(scalar: Node.Scalar, node: Node) {
        // Only plain scalars mean anything but text: '200' and "true" are strings.
        guard scalar.style == .plain || scalar.style == .any else {
            self = .string(scalar.string)
            return
        }
        if node.null != nil {
            self = .null
        } else if let value = Bool(scalar.string) {
            self = .bool(value)
        } else if let value = Int(scalar.string) {
            self = .integer(value)
        } else if let value = Double(scalar.string), scalar.string.first != "n", scalar.string.first != "i" {
            self = .number(value)
        } else {
            self = .string(scalar.string)
        }
    }
}

private func place(of node: Node) -> String {
    node.mark.map { "line \($0.line)" } ?? "an unknown line"
}

/// What is wrong with a YAML text that the parser itself accepts.
struct YAMLProblem: Error, CustomStringConvertible {
    let message: String

    var description: String { message }
}
