import Foundation
import MarketSchema
import Yams

/// What openapi.yaml says of each operation, as far as numbers can be put into it.
struct Contract {
    struct Operation {
        let method: String
        let path: String
        /// The first way in that it names: a scheme of the contract, or nil for none.
        let scheme: String?
        let parameters: [Parameter]
        /// JSON bodies that are its examples, and the places of all that its schema knows.
        let examples: [Any]
        let places: [[Step]]

        var name: String { "\(method) \(path)" }
    }

    struct Parameter {
        let name: String
        /// Else in the query.
        let isInPath: Bool
        let isRequired: Bool
    }

    /// A step down into JSON.
    enum Step: CustomStringConvertible {
        case member(String)
        /// The first of an array.
        case first

        var description: String {
            switch self {
            case .member(let name): name
            case .first: "0"
            }
        }
    }

    private let components: [String: Any]
    private(set) var operations: [Operation] = []

    init() throws {
        guard let document = try Yams.load(yaml: Schema.contract) as? [String: Any], let paths = document["paths"] as? [String: Any] else {
            throw ChaosError("openapi.yaml is no contract")
        }
        components = document["components"] as? [String: Any] ?? [:]
        for (path, item) in paths.sorted(by: { $0.key < $1.key }) {
            guard let item = item as? [String: Any] else { continue }
            for method in ["get", "put", "post", "patch", "delete"] {
                guard let operation = item[method] as? [String: Any] else { continue }
                operations.append(self.operation(method.uppercased(), path, operation, shared: item["parameters"] as? [Any] ?? []))
            }
        }
    }

    private func operation(_ method: String, _ path: String, _ operation: [String: Any], shared: [Any]) -> Operation {
        let content = (operation["requestBody"] as? [String: Any])?["content"] as? [String: Any]
        let body = content?["application/json"] as? [String: Any]
        let named = (body?["examples"] as? [String: Any] ?? [:]).sorted { $0.key < $1.key }
        return Operation(
            method: method, path: path, scheme: (operation["security"] as? [[String: Any]])?.first?.keys.first,
            parameters: (shared + (operation["parameters"] as? [Any] ?? [])).compactMap(parameter),
            examples: [body?["example"]].compactMap { $0 } + named.compactMap { ($0.value as? [String: Any])?["value"] },
            places: body.map { places(in: $0["schema"]) } ?? [])
    }

    private func parameter(_ any: Any) -> Parameter? {
        guard let parameter = resolved(any), let name = parameter["name"] as? String, let place = parameter["in"] as? String,
            place != "header"
        else { return nil }
        return Parameter(name: name, isInPath: place == "path", isRequired: parameter["required"] as? Bool ?? false)
    }

    private func resolved(_ any: Any?) -> [String: Any]? {
        guard let object = any as? [String: Any] else { return nil }
        guard let reference = object["$ref"] as? String else { return object }
        let steps = reference.split(separator: "/").dropFirst(2)
        return resolved(steps.reduce(components as Any?) { ($0 as? [String: Any])?[String($1)] })
    }

    /// Every member, down to the last, and the first of every array; nothing twice.
    private func places(in schema: Any?) -> [[Step]] {
        guard let schema = resolved(schema) else { return [] }
        var found: [[Step]] = []
        for (name, member) in (schema["properties"] as? [String: Any] ?? [:]).sorted(by: { $0.key < $1.key }) {
            found += [[.member(name)]] + places(in: member).map { [.member(name)] + $0 }
        }
        if let items = schema["items"] { found += [[.first]] + places(in: items).map { [.first] + $0 } }
        for part in ["allOf", "oneOf", "anyOf"].flatMap({ schema[$0] as? [Any] ?? [] }) { found += places(in: part) }
        var known: Set<String> = []
        return found.filter { known.insert("\($0)").inserted }
    }
}
