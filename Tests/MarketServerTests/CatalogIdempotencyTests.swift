import HTTPTypes
import MarketSchema
import PGClient
import TestSupport
import Testing

@testable import MarketServer

@Suite("Repeating a creating request")
struct CatalogIdempotencyTests {
    private static func key(_ text: String) -> HTTPFields { [HTTPField.Name("Idempotency-Key")!: text] }
    /// Makes an app under a key.
    private func make(
        _ server: TestServer, _ token: String, _ name: String, _ key: String, expecting status: Int = 201
    ) async throws -> TestServer.Answer {
        try await server.call(
            .post, "/v1/apps", token: token, json: #"{"name":"\#(name)"}"#, headers: Self.key(key), expecting: status)
    }

    private static let replayed = HTTPField.Name("Idempotency-Replayed")!

    @Test("the same key with the same request gives the first answer again, secrets included; with another body it is 409")
    func replay() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let first = try await make(server, key, "a", "k1")
            let again = try await make(server, key, "a", "k1")
            #expect(again.bytes == first.bytes && again.headers[Self.replayed] == "true" && first.headers[Self.replayed] == nil)
            _ = try await make(server, key, "b", "k1", expecting: 409)
            #expect(try await server.call(.get, "/v1/apps", token: key)["data"]?.array?.count == 1)

            // The key of another caller, and of another operation, is another key.
            let (_, other) = try await server.makePublisher("Moons")
            let theirs = try await make(server, other, "b", "k1")
            #expect(theirs.id != first.id)
            try await server.call(
                .post, "/v1/apps/\(first.id)/topics", token: key, json: #"{"name":"b"}"#, headers: Self.key("k1"), expecting: 201)
        }
    }

    @Test("a request that failed stores nothing: the key is free for the corrected one")
    func failure() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key).id
            try await server.call(
                .post, "/v1/products", token: key, json: server.product(of: [999]), headers: Self.key("p"), expecting: 422)
            try await server.call(
                .post, "/v1/products", token: key, json: server.product(of: [app]), headers: Self.key("p"), expecting: 201)
        }
    }

    @Test("of many at once one writes and the others repeat its answer")
    func concurrent() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let answers = try await withThrowingTaskGroup(of: TestServer.Answer.self) { group in
                for _ in 0..<12 {
                    group.addTask { try await make(server, key, "a", "c") }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(answers.map(\.bytes)).count == 1)
            #expect(answers.filter { $0.headers[Self.replayed] == nil }.count == 1)
            #expect(try await server.call(.get, "/v1/apps", token: key)["data"]?.array?.count == 1)
        }
    }

    @Test("a dump of the table gives no secret away, and after a day the key is forgotten")
    func storage() async throws {
        try await TestServer.with { server in
            let made = try await makePublisher(server)
            let stored = try await server.services.database.run(
                SQL("select principal || ' ' || encode(sealed_answer, 'escape') from idempotency_key").value(String.self))
            #expect(stored.hasPrefix("operator ") && !stored.contains("pub_") && !stored.contains("Tides"))
            try await server.database.asOwner("update idempotency_key set created_at = created_at - 86400001")
            let again = try await makePublisher(server)
            #expect(again.id != made.id && again.headers[Self.replayed] == nil)
            try await server.database.asOwner("update idempotency_key set created_at = created_at - 86400001")
            #expect(try await server.services.database.run(StoredAnswer.sweep) == 1)
        }
    }

    private func makePublisher(_ server: TestServer) async throws -> TestServer.Answer {
        try await server.call(
            .post, "/v1/publishers", token: TestServer.operatorToken, json: #"{"name":"Tides","email":"a@example.com"}"#,
            headers: Self.key("s"), expecting: 201)
    }

    @Test("a key that is empty, too long or not visible ASCII is 400")
    func malformed() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            for text in ["", "a b", "é", String(repeating: "a", count: 256)] {
                let answer = try await make(server, key, "a", text, expecting: 400)
                #expect(answer.fields == ["Idempotency-Key"])
            }
        }
    }
}
