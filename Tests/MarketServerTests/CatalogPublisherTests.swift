import HTTPTypes
import Testing

@testable import MarketServer

@Suite("Publishers and their keys over HTTP")
struct CatalogPublisherTests {
    @Test("the operator makes a publisher, whose key opens what is the publisher's and nothing of the operator's")
    func publisher() async throws {
        try await TestServer.with { server in
            let (id, key) = try await server.makePublisher()
            let own = try await server.call(.get, "/v1/publishers/me", token: key, expecting: 200)
            #expect(own.id == id && own["name"]?.string == "Tides" && own["apiKey"] == nil)
            try await server.call(.get, "/v1/publishers", token: key, expecting: 403)
            try await server.call(.post, "/v1/publishers", token: key, json: "{}", expecting: 403)
            try await server.call(.get, "/v1/publishers/me", token: TestServer.operatorToken, expecting: 403)
        }
    }

    @Test("who has no token, an unknown one or no bearer token is told so")
    func unauthenticated() async throws {
        try await TestServer.with { server in
            try await server.call(.get, "/v1/publishers/me", expecting: 401)
            try await server.call(.get, "/v1/publishers/me", token: "pub_unknown", expecting: 401)
            try await server.call(.get, "/v1/publishers/me", headers: [.authorization: "Basic YTpi"], expecting: 401)
            try await server.call(.post, "/v1/publishers", token: "op_another_token_of_nobody", json: "{}", expecting: 401)
        }
    }

    @Test("without an operator token in the configuration the operator's routes are closed")
    func noOperator() async throws {
        func withoutOperator(_ settings: inout ServerSettings) { settings.operatorToken = nil }
        try await TestServer.with(configure: withoutOperator) { server in
            try await server.call(.get, "/v1/publishers", token: TestServer.operatorToken, expecting: 401)
        }
    }

    @Test("fields of the wrong type are 400, values that break a rule 422, each with the place")
    func validation() async throws {
        try await TestServer.with { server in
            func send(_ json: String, _ status: Int) async throws -> [String] {
                try await server.call(.post, "/v1/publishers", token: TestServer.operatorToken, json: json, expecting: status).fields
            }
            #expect(try await send(#"{"name":1}"#, 400) == ["/name", "/email"])
            #expect(try await send(#"{"name":"","email":"nobody"}"#, 422) == ["/name", "/email"])
            #expect(try await send(#"{"name":"a\u0007","email":"a b@example.com"}"#, 422) == ["/name", "/email"])
            for json in ["", "{", "[]", "null", #"{"name":"a","name":"b","email":"a@b"}"#, #"{"name":"a","email":"a@b"}x"#] {
                _ = try await send(json, 400)
            }
            try await server.call(
                .post, "/v1/publishers", token: TestServer.operatorToken, json: "{}", headers: [.contentType: "text/plain"], expecting: 415)
            let long = #"{"name":""# + String(repeating: "a", count: 1 << 20) + #"","email":"a@b"}"#
            try await server.call(.post, "/v1/publishers", token: TestServer.operatorToken, json: long, expecting: 413)
        }
    }

    @Test("a revoked key stops at once; the last one that can write cannot be revoked")
    func keys() async throws {
        try await TestServer.with { server in
            let (_, first) = try await server.makePublisher()
            let made = try await server.call(
                .post, "/v1/publishers/me/api-keys", token: first, json: #"{"name":"dashboard","scopes":["read"]}"#, expecting: 201)
            let reading = try #require(made["apiKey"]?.string)
            try await server.call(.get, "/v1/apps", token: reading, expecting: 200)
            try await server.call(.post, "/v1/apps", token: reading, json: #"{"name":"x"}"#, expecting: 403)

            try await server.call(.delete, "/v1/publishers/me/api-keys/\(made.id)", token: first, expecting: 204)
            try await server.call(.get, "/v1/apps", token: reading, expecting: 401)
            try await server.call(.delete, "/v1/publishers/me/api-keys/\(made.id)", token: first, expecting: 404)

            let keys = try await server.call(.get, "/v1/publishers/me/api-keys", token: first, expecting: 200)
            let only = try #require(keys["data"]?.array?.first?["id"]?.integer)
            #expect(keys["data"]?.array?.count == 1)
            try await server.call(.delete, "/v1/publishers/me/api-keys/\(only)", token: first, expecting: 409)
            try await server.call(.get, "/v1/publishers/me", token: first, expecting: 200)
        }
    }

    @Test("write does not include read, and scopes are read or write, each once")
    func scopes() async throws {
        try await TestServer.with { server in
            let (_, first) = try await server.makePublisher()
            func make(_ scopes: String, _ status: Int) async throws -> TestServer.Answer {
                try await server.call(
                    .post, "/v1/publishers/me/api-keys", token: first, json: #"{"name":"k","scopes":\#(scopes)}"#, expecting: status)
            }
            let writing = try #require(try await make(#"["write"]"#, 201)["apiKey"]?.string)
            try await server.call(.get, "/v1/apps", token: writing, expecting: 403)
            // Nor does a key give what it has not.
            for (scopes, status) in [(#"["read"]"#, 403), (#"["read","write"]"#, 403), (#"["write"]"#, 201)] {
                try await server.call(
                    .post, "/v1/publishers/me/api-keys", token: writing, json: #"{"name":"k","scopes":\#(scopes)}"#, expecting: status)
            }
            #expect(try await make(#"["read","all"]"#, 422).fields == ["/scopes/1"])
            #expect(try await make(#"["read","read"]"#, 422).fields == ["/scopes/1"])
            #expect(try await make("[]", 422).fields == ["/scopes"])
            #expect(try await make("[1]", 400).fields == ["/scopes/0"])
        }
    }

    @Test("of two revocations at once that would leave no key to write with, one is refused")
    func concurrentRevocations() async throws {
        try await TestServer.with { server in
            let (_, first) = try await server.makePublisher()
            try await server.call(
                .post, "/v1/publishers/me/api-keys", token: first, json: #"{"name":"b","scopes":["read","write"]}"#, expecting: 201)
            let keys = try await server.call(.get, "/v1/publishers/me/api-keys", token: first)["data"]?.array ?? []
            let ids = keys.compactMap { $0["id"]?.integer }
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for id in ids { group.addTask { try await server.call(.delete, "/v1/publishers/me/api-keys/\(id)", token: first).status } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            // The second may find its own key revoked by then.
            #expect(ids.count == 2 && statuses.filter { $0 == 204 }.count == 1, "\(statuses)")
        }
    }
}
