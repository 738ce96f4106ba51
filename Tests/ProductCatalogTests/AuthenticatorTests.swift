import PGClient
import ProductCatalog
import TestSupport
import Testing

@Suite("Who a token belongs to")
struct AuthenticatorTests {
    @Test("keys, app tokens and the operator's token are told apart, many at once; what is unknown or revoked is nobody's")
    func principals() async throws {
        try await CatalogFixture.with { fixture in
            let catalog = fixture.catalog
            let authenticator = Authenticator(database: fixture.client, operatorToken: TokenDigest(of: "op_sixteen_characters"))
            let (publisher, first) = try await catalog.createPublisher(.init(name: "Tides", email: "a@b"))
            let (reading, readingToken) = try await catalog.createKey(.init(name: "r", scopes: [.read]), of: publisher.id)
            let (app, secrets) = try await catalog.createApp(.init(name: "a"), of: publisher.id)
            let firstKey = try #require(try await catalog.keys(of: publisher.id, below: nil, limit: 10).last?.id)
            let expected: [(String, Principal?)] = [
                (first.secret, .publisher(publisher.id, scopes: [.read, .write], key: firstKey)),
                (readingToken.secret, .publisher(publisher.id, scopes: [.read], key: reading.id)),
                (secrets.appToken.secret, .app(app.id, publisher: publisher.id)),
                ("op_sixteen_characters", .operatorToken),
                ("op_sixteen_character", nil), ("", nil), (secrets.inboundKey.secret, nil), (secrets.webhookSecret.secret, nil),
                (String(repeating: "x", count: 100_000), nil),
            ]
            try await withServices([authenticator]) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for _ in 0..<50 {
                        for (token, principal) in expected {
                            group.addTask {
                                let found = try await authenticator.principal(bearer: token)
                                #expect(found == principal)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                try await catalog.revokeKey(reading.id, of: publisher.id)
                #expect(try await authenticator.principal(bearer: readingToken.secret) == nil)
            }
        }
    }
}
