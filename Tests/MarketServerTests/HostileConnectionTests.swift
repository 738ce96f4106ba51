import Foundation
import TestSupport
import Testing

@testable import MarketServer

@Suite("Connections that are not used as they should be")
struct HostileConnectionTests {
    @Test(
        "no answer to HEAD has a body, so the next answer on the connection is not mistaken",
        arguments: ["/nope", "/v1/inbound/KEY", "/api/nothing", "/v1/apps"])
    func headOfProblems(path: String) async throws {
        try await TestServer.with { server in
            let heard = try #require(
                await RawConnection.exchange(
                    "HEAD \(path) HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                    port: server.port))
            // Two heads, and the body of the second answer alone.
            let parts = heard.components(separatedBy: "\r\n\r\n")
            #expect(parts.count == 3)
            #expect(parts[1].hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(parts[2] == #"{"status":"ok"}"#)
        }
    }

    @Test("a body whose framing breaks is the sender's mistake, not a failure of the server", arguments: ["/v1/apps", "/v1/inbound/"])
    func brokenFraming(path: String) async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key)
            let inbound = try #require(app["inboundUrl"]?.string?.split(separator: "/").last)
            let target = path.hasSuffix("/") ? path + inbound : path
            let heard = try #require(
                await RawConnection.exchange(
                    "POST \(target) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(key)\r\nContent-Type: application/json\r\n"
                        + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                    port: server.port))
            #expect(heard.hasPrefix("HTTP/1.1 400 "), "\(heard)")
            #expect(heard.contains("The body ended before its time."))
        }
    }

    @Test(
        "a connection on which nothing is asked, or a request is begun and not ended, is closed",
        arguments: ["", "GET /healthz HT", "POST /v1/inbound/KEY HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"])
    func idle(sent: String) async throws {
        try await TestServer.with(idleTimeout: .milliseconds(200)) { server in
            #expect(await RawConnection.exchange(sent, port: server.port) != nil, "the server closes")
        }
    }
}
