/// Holds answers to `openapi.yaml`. Every request of a test can go through it: `#expect(contract.check(…).isEmpty)`.
struct Contract: Sendable {
    let document: OpenAPIDocument

    private static let loading = Result { try Contract(document: OpenAPIDocument.load()) }

    /// The repository's contract, read once.
    static func load() throws -> Contract { try loading.get() }

    init(document: OpenAPIDocument) {
        self.document = document
    }

    /// Every (method, path template) of the contract, to be compared with the routes that the server has.
    var operations: [OpenAPIDocument.Operation] { document.operations }

    /// All in which an answer is not as the contract says: an unknown path, method, status or content type, a body against its schema, and,
    /// when `headers` is given (names in any case), headers that are missing or wrong. `contentType` is the header as it came, with its parameters.
    func check(
        method: String,
        pathTemplateOrPath path: String,
        status: Int,
        contentType: String?,
        body: [UInt8],
        headers: [String: String]? = nil
    ) -> [Violation] {
        guard let template = document.template(of: path) else { return [Violation("the contract has no path for \(path)")] }
        guard let operation = document.operation(method: method, path: path) else {
            return [Violation("the contract has no \(method) \(template)")]
        }
        guard let documented = operation.definition["responses"]?[String(status)] else {
            return [Violation("the contract has no status \(status) for \(operation.id): \(Self.excerpt(body))")]
        }
        do {
            let response = try document.resolve(documented)
            let found =
                try checkBody(of: response, operation, contentType, body) + (headers.map { try checkHeaders(of: response, $0) } ?? [])
            return found.map { Violation(pointer: $0.pointer, message: "\($0.message) (\(operation.id) \(status))") }
        } catch {
            return [Violation(String(describing: error))]
        }
    }

    private func checkBody(
        of response: JSONValue, _ operation: OpenAPIDocument.Operation, _ contentType: String?, _ body: [UInt8]
    ) throws -> [Violation] {
        guard let content = response["content"]?.object else {
            return body.isEmpty ? [] : [Violation("a body where the contract has none: \(Self.excerpt(body))")]
        }
        guard let contentType else { return [Violation("no content type, where \(content.keys.sorted()) is due")] }
        let mediaType = Self.mediaType(contentType)
        guard let definition = content[mediaType] else {
            return [Violation("the contract has no content type \(mediaType), only \(content.keys.sorted())")]
        }
        let validator = SchemaValidator(document: document)
        if let item = definition["x-item-schema"] { return checkLines(body, item, validator) }
        guard let schema = definition["schema"] else { return [] }
        if mediaType == "application/json" || mediaType.hasSuffix("+json") {
            guard let value = try? JSONValue(json: body) else { return [Violation("the body is no JSON: \(Self.excerpt(body))")] }
            return validator.violations(of: value, against: schema)
        }
        guard let text = String(validating: body, as: UTF8.self) else { return [Violation("the body is no UTF-8")] }
        return validator.violations(of: .string(text), against: schema)
    }

    /// NDJSON: every line is a value of its own, the last one ends like the others.
    private func checkLines(_ body: [UInt8], _ schema: JSONValue, _ validator: SchemaValidator) -> [Violation] {
        guard let last = body.last else { return [] }
        guard last == UInt8(ascii: "\n") else { return [Violation("the last line does not end with a line feed")] }
        let lines = body.dropLast().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        return lines.enumerated().flatMap { index, line -> [Violation] in
            let place = "line \(index + 1)"
            guard let value = try? JSONValue(json: line) else {
                return [Violation(pointer: place, message: "no JSON: \(Self.excerpt(Array(line)))")]
            }
            return validator.violations(of: value, against: schema, at: place)
        }
    }

    private func checkHeaders(of response: JSONValue, _ headers: [String: String]) throws -> [Violation] {
        let sent = Dictionary(headers.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        let validator = SchemaValidator(document: document)
        return try (response["headers"]?.object ?? [:]).sorted { $0.key < $1.key }.flatMap { name, definition -> [Violation] in
            let header = try document.resolve(definition)
            guard let text = sent[name.lowercased()] else {
                return header["required"] == .bool(true) ? [Violation("the header \(name) is missing")] : []
            }
            let schema = try document.resolve(header["schema"] ?? .bool(true))
            let value: JSONValue = schema["type"] == .string("integer") ? Int(text).map(JSONValue.integer) ?? .string(text) : .string(text)
            return validator.violations(of: value, against: schema).map {
                Violation("header \(name): \($0.message)")
            }
        }
    }

    /// `application/json` of `Application/JSON; charset=utf-8`.
    static func mediaType(_ contentType: String) -> String {
        String(contentType.prefix { $0 != ";" }.filter { $0 != " " }).lowercased()
    }

    private static func excerpt(_ body: [UInt8]) -> String {
        JSONValue.string(String(decoding: body.prefix(300), as: UTF8.self)).brief
    }
}

extension Violation {
    /// One that concerns the whole answer.
    fileprivate init(_ message: String) {
        self.init(pointer: "", message: message)
    }
}
