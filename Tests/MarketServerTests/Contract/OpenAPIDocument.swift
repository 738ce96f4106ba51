import Foundation

/// `openapi.yaml`, read as it stands in the repository: its operations, and what its references stand for.
struct OpenAPIDocument: Sendable {
    /// One method of one path.
    struct Operation: Sendable {
        let id: String
        /// In capitals: `GET`.
        let method: String
        /// As it is written in the contract: `/v1/apps/{appId}`.
        let path: String
        /// The names of the security schemes of which one suffices; empty for a public route.
        let securitySchemes: [String]
        /// The operation itself, for what has no property of its own here.
        let definition: JSONValue

        /// Whether it is in the contract that this status may be answered.
        func documents(status: Int) -> Bool { definition["responses"]?[String(status)] != nil }
    }

    static let methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"]

    let root: JSONValue
    let operations: [Operation]

    /// Where `openapi.yaml` lies: four folders above this file.
    static let location = (0..<4).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        .appendingPathComponent("openapi.yaml")

    /// Reads the repository's contract; throws when it is not there or not the YAML that we expect.
    static func load() throws -> OpenAPIDocument {
        try OpenAPIDocument(yaml: String(contentsOf: location, encoding: .utf8))
    }

    init(yaml: String) throws {
        root = try JSONValue(yaml: yaml)
        operations = try Self.operations(of: root)
    }

    /// What a value with a `$ref` stands for, however long the chain; a value without one is itself. Throws on a reference that leads nowhere
    /// or in a circle.
    func resolve(_ value: JSONValue) throws -> JSONValue {
        var current = value
        for _ in 0..<32 {
            guard let reference = current["$ref"]?.string else { return current }
            current = try target(of: reference)
        }
        throw ContractProblem(message: "\(value["$ref"]?.string ?? "") refers to itself")
    }

    /// What `#/components/…` points at.
    func target(of reference: String) throws -> JSONValue {
        guard reference.hasPrefix("#/") else { throw ContractProblem(message: "\(reference): only references within the file are known") }
        var current = root
        for part in reference.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false) {
            guard let next = current[JSONPointer.unescape(part)] else { throw ContractProblem(message: "\(reference) leads nowhere") }
            current = next
        }
        return current
    }

    /// The operation of a template (`/v1/apps/{appId}`) or of a path as it is requested (`/v1/apps/7?x=1`); nil when there is none.
    func operation(method: String, path: String) -> Operation? {
        guard let template = template(of: path) else { return nil }
        return operations.first { $0.path == template && $0.method == method.uppercased() }
    }

    /// The template that a path belongs to. Where several fit, the one with more fixed parts is meant: `/v1/publishers/me` before `/v1/publishers/{id}`.
    func template(of path: String) -> String? {
        let path = String(path.prefix { $0 != "?" && $0 != "#" })
        let templates = Set(operations.map(\.path))
        if templates.contains(path) { return path }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return
            templates
            .filter { Self.fits(parts, template: $0) }
            .min { ($0.filter { $0 == "{" }.count, $0) < ($1.filter { $0 == "{" }.count, $1) }
    }

    private static func fits(_ parts: [Substring], template: String) -> Bool {
        let expected = template.split(separator: "/", omittingEmptySubsequences: false)
        guard expected.count == parts.count else { return false }
        return zip(expected, parts).allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") ? !$1.isEmpty : $0 == $1 }
    }

    private static func operations(of root: JSONValue) throws -> [Operation] {
        var found: [Operation] = []
        let everywhere = root["security"]
        for (path, item) in root["paths"]?.object ?? [:] {
            for method in methods {
                guard let definition = item[method] else { continue }
                guard let id = definition["operationId"]?.string else {
                    throw ContractProblem(message: "\(method) \(path) has no operationId")
                }
                let security = (definition["security"] ?? everywhere)?.array ?? []
                found.append(
                    Operation(
                        id: id,
                        method: method.uppercased(),
                        path: path,
                        securitySchemes: security.flatMap { ($0.object ?? [:]).keys.sorted() },
                        definition: definition
                    )
                )
            }
        }
        guard !found.isEmpty else { throw ContractProblem(message: "the contract has no operation") }
        return found.sorted { ($0.path, $0.method) < ($1.path, $1.method) }
    }
}

/// What is wrong with the contract itself.
struct ContractProblem: Error, CustomStringConvertible {
    let message: String

    var description: String { message }
}

/// RFC 6901, as far as it is needed.
enum JSONPointer {
    static func escape(_ part: String) -> String {
        part.split(separator: "~", omittingEmptySubsequences: false).joined(separator: "~0")
            .split(separator: "/", omittingEmptySubsequences: false).joined(separator: "~1")
    }

    static func unescape(_ part: Substring) -> String {
        String(part).replacing("~1", with: "/").replacing("~0", with: "~")
    }
}
