import Foundation
import HTTPTypes
import PGClient
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

    @Test("a callback whose sender breaks off is refused, and what came of it is kept")
    func brokenOff() async throws {
        try await BillingShop.with { shop in
            let begun = #"{"action":"order_pay","data":{"addTime":86400000,"#
            // As many bytes are promised; Connection: close has the server end what the sender does not.
            for framing in ["Content-Length: 200\r\n\r\n\(begun)", "Transfer-Encoding: chunked\r\n\r\n31\r\n\(begun)\r\nzz\r\n"] {
                let heard = try #require(
                    await RawConnection.exchange(
                        "POST \(shop.inbound) HTTP/1.1\r\nHost: x\r\n\(framing)", port: shop.server.port, endsSending: true))
                #expect(heard.hasPrefix("HTTP/1.1 400 "), "\(heard)")
            }
            let kept = try await shop.quarantine("&reason=malformed")
            #expect(kept.map { $0["body"] } == [.string(begun)])
        }
    }

    @Test("who asks whether to send his body is told to, after the answer before it")
    func expectations() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let body = #"{"name":"Tide tables"}"#
            func request(_ rest: String) -> String {
                "POST /v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(key)\r\nContent-Type: application/json\r\n"
                    + "Content-Length: \(body.utf8.count)\r\n\(rest)\r\n\(body)"
            }
            let heard = try #require(
                await RawConnection.exchange(
                    request("Expect: 100-continue\r\n") + request("Expect: 100-Continue\r\n") + request("Connection: close\r\n"),
                    port: server.port))
            let statuses = heard.split(separator: "\r\n").compactMap { $0.hasPrefix("HTTP/1.1 ") ? $0.dropFirst(9).prefix(3) : nil }
            // The heads behind a body stand in the body's line.
            let all = heard.components(separatedBy: "HTTP/1.1 ").dropFirst().map { String($0.prefix(3)) }
            #expect(all == ["100", "201", "100", "201", "201"], "\(statuses) \(heard)")
            #expect(heard.hasPrefix("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 "))
        }
    }

    @Test(
        "a path is taken as it is written: not with a slash too many",
        arguments: ["/metrics/", "//metrics", "/v1//publishers/me", "/v1/apps/"])
    func exactPaths(path: String) async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let answer = try await server.call(.get, path, token: key, expecting: 404)
            #expect(answer.contentType == "application/problem+json")
        }
    }

    @Test("an answer that takes longer than a connection may be silent is given, though another request has begun behind it")
    func begunBehind() async throws {
        try await TestServer.with(idleTimeout: .milliseconds(200)) { server in
            let (_, key) = try await server.makePublisher()
            let requests =
                "GET /v1/apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(key)\r\n\r\n"
                + "POST /v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n"
            let waiting: SQL = """
                select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()
                """
            try await withClient(server.database.url) { owner in
                try await withThrowingTaskGroup(of: String?.self) { group in
                    try await owner.transaction { transaction in
                        // Whoever asks for apps waits.
                        _ = try await transaction.run(SQL("lock table app in access exclusive mode").execute)
                        group.addTask { await RawConnection.exchange(requests, port: server.port) }
                        let deadline = ContinuousClock.now + .seconds(20)
                        while try await owner.run(waiting.value(Int.self)) == 0 {
                            try #require(ContinuousClock.now < deadline, "the request does not come to the table")
                        }
                        // A connection that was opened later and is silent is closed: so long may one be silent, and the other has been for longer.
                        try #require(await RawConnection.exchange("", port: server.port) != nil)
                    }
                    let heard = try #require(try await group.next() ?? nil)
                    #expect(heard.hasPrefix("HTTP/1.1 200 "), "\(heard)")
                }
            }
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
