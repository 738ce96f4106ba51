import Foundation
import Testing

@Suite("Contract")
struct ContractTests {
    private let contract: Contract

    init() throws {
        contract = try Contract.load()
    }

    private func check(
        _ method: String, _ path: String, _ status: Int, _ contentType: String?, _ body: String, headers: [String: String]? = nil
    ) -> [Violation] {
        contract.check(
            method: method, pathTemplateOrPath: path, status: status, contentType: contentType, body: Array(body.utf8), headers: headers)
    }

    @Test("every operation has a name of its own, a tag, a summary and answers")
    func operationsAreComplete() {
        #expect(contract.operations.count == Set(contract.operations.map(\.id)).count)
        for operation in contract.operations {
            #expect(operation.definition["summary"]?.string != nil, "\(operation.id)")
            #expect(operation.definition["tags"]?.array?.count == 1, "\(operation.id)")
            #expect(operation.definition["responses"]?.object?.isEmpty == false, "\(operation.id)")
            #expect(operation.definition["security"] != nil, "\(operation.id) does not say who may call it")
        }
    }

    @Test("who needs a token is told when it is missing and when it is the wrong kind")
    func securedOperationsDocumentRefusals() {
        for operation in contract.operations where !operation.securitySchemes.isEmpty {
            #expect(operation.documents(status: 401) && operation.documents(status: 403), "\(operation.id)")
        }
    }

    @Test("every reference leads somewhere")
    func referencesResolve() throws {
        try walk(contract.document.root) { value in
            if let reference = value["$ref"]?.string { _ = try contract.document.target(of: reference) }
        }
    }

    @Test("every schema uses only keywords that the validator knows, and patterns that can be read")
    func schemasCanBeJudged() throws {
        var schemas = Array(contract.document.root["components"]?["schemas"]?.object?.values ?? [:].values)
        try walk(contract.document.root) { schemas += [$0["schema"], $0["x-item-schema"]].compactMap { $0 } }
        let known = SchemaValidator.keywords.union(SchemaValidator.annotations)
        let patterns = PatternCache()
        var count = 0
        while let schema = schemas.popLast()?.object {
            count += 1
            #expect(known.isSuperset(of: schema.keys), "\(schema.keys.sorted())")
            if let pattern = schema["pattern"]?.string { #expect(patterns.matches("", pattern) != nil, "\(pattern)") }
            schemas += schema["properties"]?.object?.values.map { $0 } ?? []
            schemas += [schema["items"], schema["additionalProperties"]].compactMap { $0 }
            schemas += ["allOf", "anyOf", "oneOf"].flatMap { schema[$0]?.array ?? [] }
        }
        #expect(count > 300)
    }

    @Test("every example fits its schema")
    func examplesFit() throws {
        var count = 0
        let validator = SchemaValidator(document: contract.document)
        try walk(contract.document.root) { value in
            guard let schema = value["schema"] else { return }
            let examples = [value["example"]].compactMap { $0 } + (value["examples"]?.object ?? [:]).values.compactMap { $0["value"] }
            for example in examples {
                #expect(validator.violations(of: example, against: schema) == [])
                count += 1
                guard let item = value["x-item-schema"], let text = example.string else { continue }
                for line in text.split(separator: "\n") {
                    let value = try JSONValue(json: line.utf8)
                    #expect(validator.violations(of: value, against: item) == [])
                }
            }
        }
        #expect(count > 50)
    }

    @Test("an answer as documented passes, by template and by path, with a charset and with further keys")
    func documentedAnswerPasses() {
        let topic = #"{"id":102,"appId":101,"name":"Spring tides","description":null,"createdAt":1664118481675,"more":1}"#
        #expect(check("POST", "/v1/apps/{appId}/topics", 201, "application/json", topic) == [])
        #expect(check("post", "/v1/apps/101/topics?x=1", 201, "Application/JSON; charset=utf-8", topic) == [])
        #expect(check("DELETE", "/v1/publishers/me/api-keys/3", 204, nil, "") == [])
        #expect(check("GET", "/v1/resources/102/audience", 200, "text/csv", "uid,payEndTime\r\nUID_a,5\r\n") == [])
        #expect(check("GET", "/v1/resources/102/audience", 200, "application/x-ndjson", "") == [])
    }

    @Test(
        "what is not documented is reported",
        arguments: [
            ("GET", "/v1/nothing", 200, "application/json", "{}", "no path"),
            ("PUT", "/v1/apps", 200, "application/json", "{}", "no PUT"),
            ("GET", "/v1/apps/1", 418, "application/json", "{}", "no status 418"),
            ("GET", "/healthz", 200, "text/html", "ok", "no content type text/html"),
            ("GET", "/healthz", 200, nil, "{}", "no content type"),
            ("GET", "/healthz", 200, "application/json", "ok", "no JSON"),
            ("GET", "/healthz", 200, "application/json", #"{"status":"fine"}"#, "is not \"ok\""),
            ("DELETE", "/v1/publishers/me/api-keys/3", 204, nil, "{}", "a body"),
            ("GET", "/v1/resources/1/audience", 200, "application/x-ndjson", #"{"uid":"a","payEndTime":5}"#, "line feed"),
            ("GET", "/v1/resources/1/audience", 200, "application/x-ndjson", #"{"uid":"a","payEndTime":5}"# + "\n{}\n", "uid is missing"),
            ("GET", "/v1/resources/1/audience", 200, "text/csv", "UID_a,5\n", "does not match"),
            ("GET", "/v1/apps/1", 404, "application/json", "{}", "application/problem+json"),
        ]
    )
    func undocumentedAnswerIsReported(
        _ method: String, _ path: String, _ status: Int, _ contentType: String?, _ body: String, _ complaint: String
    ) {
        let found = check(method, path, status, contentType, body)
        #expect(found.contains { $0.description.contains(complaint) }, "\(found)")
    }

    @Test("a problem says the status that it is sent with, and 401 and 503 carry their headers")
    func problems() {
        func problem(_ status: Int) -> String {
            #"{"type":"about:blank","title":"t","status":\#(status),"detail":"d","instance":"/v1/apps"}"#
        }
        let json = "application/problem+json"
        #expect(check("GET", "/v1/apps", 401, json, problem(401), headers: ["www-authenticate": "Bearer"]) == [])
        #expect(check("GET", "/v1/apps", 401, json, problem(403)) != [])
        #expect(check("GET", "/v1/apps", 401, json, problem(401), headers: [:]) != [])
        #expect(check("GET", "/v1/apps", 503, json, problem(503), headers: ["Retry-After": "1"]) == [])
        #expect(check("GET", "/v1/apps", 503, json, problem(503), headers: ["Retry-After": "soon"]) != [])
    }

    private func walk(_ value: JSONValue, _ visit: (JSONValue) throws -> Void) throws {
        try visit(value)
        for child in value.array ?? [] { try walk(child, visit) }
        for child in value.object?.values.map({ $0 }) ?? [] { try walk(child, visit) }
    }
}
