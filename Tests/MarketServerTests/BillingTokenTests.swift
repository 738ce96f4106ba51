import HTTPTypes
import Testing

@testable import MarketServer

@Suite("Tokens of those who ask for entitlements again and again")
struct BillingTokenTests {
    /// Asks with each of the tokens, many at once, so that one look-up has questions of several.
    private static func ask(_ shop: BillingShop, with tokens: [(token: String, due: Int)], _ place: SourceLocation = #_sourceLocation)
        async throws
    {
        try await withThrowingTaskGroup { group in
            for round in 0..<20 {
                for (token, due) in tokens {
                    group.addTask {
                        let answer = try await shop.server.call(
                            .get, "/v1/entitlements?resourceId=\(shop.topic)&uid=UID_\(round)", token: token, expecting: due,
                            sourceLocation: place)
                        if due == 200 { #expect(answer["uid"] == .string("UID_\(round)"), sourceLocation: place) }
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("a token that is known stops as soon as it is revoked or replaced, and no other one does", arguments: 1...5)
    func stopped(round: Int) async throws {
        try await BillingShop.with { shop in
            let (server, key, appToken) = (shop.server, shop.key, shop.appToken)
            let made = try await server.call(
                .post, "/v1/publishers/me/api-keys", token: key, json: #"{"name":"dashboard","scopes":["read"]}"#, expecting: 201)
            let reading = try #require(made["apiKey"]?.string)
            let writing = try #require(
                try await server.call(
                    .post, "/v1/publishers/me/api-keys", token: key, json: #"{"name":"w","scopes":["write"]}"#, expecting: 201)["apiKey"]?
                    .string)
            let stranger = try await BillingShop(server, "Other", platform: false)
            let always = [(key, 200), (writing, 403), (stranger.key, 404), (stranger.appToken, 404), ("pub_nobody\(round)", 401)]
            for _ in 1...2 { try await Self.ask(shop, with: always + [(reading, 200), (appToken, 200)]) }

            try await server.call(.delete, "/v1/publishers/me/api-keys/\(made.id)", token: key, expecting: 204)
            try await Self.ask(shop, with: [(reading, 401)])
            try await Self.ask(shop, with: always + [(reading, 401), (appToken, 200)])

            let next = try #require(
                try await server.call(.post, "/v1/apps/\(shop.app)/token", token: key, expecting: 200)["appToken"]?.string)
            try await Self.ask(shop, with: [(appToken, 401)])
            for _ in 1...2 { try await Self.ask(shop, with: always + [(reading, 401), (appToken, 401), (next, 200)]) }
        }
    }
}
