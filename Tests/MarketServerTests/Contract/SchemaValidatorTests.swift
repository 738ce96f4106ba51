import Testing

/// Each row is a schema, a value that fits it, and one that must not.
private struct Row: Sendable, CustomTestStringConvertible {
    let schema: String
    let good: String
    let bad: String
    /// Where the violation must be reported.
    var pointer = ""

    var testDescription: String { "\(schema) refuses \(bad)" }
}

@Suite("Schema validator")
struct SchemaValidatorTests {
    private func violations(_ json: String, _ schema: String) throws -> [Violation] {
        let document = try OpenAPIDocument(
            yaml: """
                paths: { /x: { get: { operationId: x } } }
                components: { schemas: { Id: { type: integer, minimum: 1 }, Twice: { $ref: '#/components/schemas/Id' } } }
                """
        )
        return SchemaValidator(document: document).violations(of: try JSONValue(json: json.utf8), against: try JSONValue(yaml: schema))
    }

    private static let rows = [
        Row(schema: "{ type: integer }", good: "7", bad: "\"7\""),
        Row(schema: "{ type: integer }", good: "7", bad: "7.5"),
        Row(schema: "{ type: integer }", good: "0", bad: "true"),
        Row(schema: "{ type: boolean }", good: "true", bad: "1"),
        Row(schema: "{ type: number }", good: "7", bad: "null"),
        Row(schema: "{ type: [string, 'null'] }", good: "null", bad: "3"),
        Row(schema: "{ type: object }", good: "{}", bad: "[]"),
        Row(schema: "{ enum: [listed, delisted] }", good: "\"listed\"", bad: "\"Listed\""),
        Row(schema: "{ const: 1000 }", good: "1000", bad: "1001"),
        Row(schema: "{ const: '1000' }", good: "\"1000\"", bad: "1000"),
        Row(schema: "{ minimum: 1 }", good: "1", bad: "0"),
        Row(schema: "{ maximum: 9007199254740991 }", good: "9007199254740991", bad: "9007199254740992"),
        Row(schema: "{ exclusiveMinimum: 0 }", good: "0.5", bad: "0"),
        Row(schema: "{ exclusiveMaximum: 2 }", good: "1", bad: "2"),
        Row(schema: "{ minLength: 1 }", good: "\"é\"", bad: "\"\""),
        Row(schema: "{ maxLength: 1 }", good: "\"潮\"", bad: "\"e\\u0301\""),
        Row(schema: "{ pattern: '^AT_[0-9A-Za-z]+$' }", good: "\"AT_x\"", bad: "\"AT_x \""),
        Row(schema: "{ pattern: '^[a-z]+$' }", good: "\"a\"", bad: "\"a\\n\""),
        Row(schema: "{ pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' }", good: "\"潮 🌊\"", bad: "\"a\\u0000b\""),
        Row(schema: "{ items: { type: string } }", good: "[\"a\"]", bad: "[\"a\", 1]", pointer: "/1"),
        Row(schema: "{ minItems: 1 }", good: "[0]", bad: "[]"),
        Row(schema: "{ maxItems: 1 }", good: "[0]", bad: "[0, 0]"),
        Row(schema: "{ uniqueItems: true }", good: "[1, 2]", bad: "[1, 1]"),
        Row(schema: "{ required: [id] }", good: "{\"id\": null}", bad: "{\"ID\": 1}"),
        Row(schema: "{ properties: { id: { type: integer } } }", good: "{\"id\": 1, \"x\": 2}", bad: "{\"id\": \"1\"}", pointer: "/id"),
        Row(schema: "{ properties: { a/b: { const: 1 } } }", good: "{\"a/b\": 1}", bad: "{\"a/b\": 2}", pointer: "/a~1b"),
        Row(schema: "{ properties: { id: {} }, additionalProperties: false }", good: "{\"id\": 1}", bad: "{\"x\": 1}", pointer: "/x"),
        Row(schema: "{ additionalProperties: { type: string } }", good: "{\"x\": \"1\"}", bad: "{\"x\": 1}", pointer: "/x"),
        Row(schema: "{ allOf: [{ type: integer }, { minimum: 5 }] }", good: "5", bad: "4"),
        Row(schema: "{ anyOf: [{ type: integer }, { minimum: 5 }] }", good: "5", bad: "4.5"),
        Row(schema: "{ oneOf: [{ type: integer }, { type: 'null' }] }", good: "null", bad: "\"\""),
        Row(schema: "{ oneOf: [{ minimum: 1 }, { maximum: 5 }] }", good: "6", bad: "3"),
        Row(schema: "{ $ref: '#/components/schemas/Twice' }", good: "1", bad: "0"),
        Row(schema: "{ $ref: '#/components/schemas/Id', maximum: 3 }", good: "3", bad: "4"),
    ]

    @Test("every keyword accepts what fits and names the place of what does not", arguments: rows)
    private func keyword(_ row: Row) throws {
        #expect(try violations(row.good, row.schema) == [])
        #expect(try violations(row.bad, row.schema).contains { $0.pointer == row.pointer })
    }

    @Test(
        "a schema that the validator cannot judge is refused, whatever the value",
        arguments: [
            "{ format: uuid }", "{ multipleOf: 2 }", "{ not: {} }", "{ nullable: true }", "{ type: text }", "{ minLength: x }",
            "{ $ref: '#/components/schemas/Nowhere' }", "{ $ref: 'other.yaml' }", "{ pattern: '(' }", "[1]",
        ]
    )
    func unknownKeyword(_ schema: String) throws {
        #expect(try violations("\"a\"", schema) != [])
    }

    @Test("a schema that refers to itself comes to an end")
    func circle() throws {
        let document = try OpenAPIDocument(
            yaml: """
                paths: { /x: { get: { operationId: x } } }
                components: { schemas: { A: { $ref: '#/components/schemas/B' }, B: { $ref: '#/components/schemas/A' } } }
                """
        )
        let schema = try JSONValue(yaml: "{ $ref: '#/components/schemas/A' }")
        #expect(SchemaValidator(document: document).violations(of: .null, against: schema) != [])
        #expect(throws: ContractProblem.self) { try document.resolve(schema) }
    }

    @Test("a violation is told with its place and both values")
    func message() throws {
        let found = try violations("{\"a\": [{\"b\": 0}]}", "{ properties: { a: { items: { properties: { b: { minimum: 1 } } } } } }")
        #expect(found.map(\.description) == ["/a/0/b: 0 breaks minimum 1"])
    }
}
