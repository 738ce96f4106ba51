import HTTPTypes
import TestSupport
import Testing

@testable import MarketServer

@Suite("The log of requests")
struct CatalogLogTests {
    @Test("one line a request, with route, status and principal; never a path's secret, a token, a query or a body")
    func lines() async throws {
        let log = LogCapture()
        try await TestServer.with(logger: log.logger()) { server in
            let (id, key) = try await server.makePublisher("Secretive")
            try await server.call(.get, "/v1/apps?limit=7&cursor=c2VjcmV0", token: key, expecting: 400)
            try await server.call(.post, "/v1/inbound/in_0123456789secret", json: "{}", expecting: 404)
            try await server.call(.get, "/v1/inbound/in_0123456789secret", expecting: 405)
            try await server.call(.get, "/v1/publishers/me", token: key, expecting: 200)
            let lines = log.lines.filter { $0.message == "request" }
            #expect(lines.count == 5)
            #expect(lines.map { $0.metadata["status"] } == ["201", "400", "404", "405", "200"])
            #expect(lines.map { $0.metadata["route"] }[2...3] == ["/v1/inbound/{inboundKey}", "none"])
            #expect(lines.last?.metadata["principal"] == "publisher:\(id)" && lines.first?.metadata["principal"] == "operator")
            #expect(lines.allSatisfy { $0.metadata["ms"] != nil && $0.metadata["bytes"] != nil && $0.metadata["hb.request.id"] != nil })
            for secret in [key, TestServer.operatorToken, "0123456789secret", "c2VjcmV0", "Secretive"] {
                #expect(!log.lines.contains { "\($0)".contains(secret) })
            }
        }
    }
}
