import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension Stage {
    struct HTTPAnswer: Sendable {
        let status: Int
        let body: String
    }

    /// Longer than any limit of the server's own (30 s for a statement).
    static let patience: TimeAmount = .seconds(40)

    /// Many connections, kept open between requests; one for the whole run.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Load.connections + Load.backfills
        // A server that is gone is gone: the sender is to hear of it.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

    /// Sends a request; nil when no answer came.
    func send(_ method: String, _ path: String, token: String? = nil, body: String? = nil, type: String = "application/json") async
        -> HTTPAnswer?
    {
        var request = HTTPClientRequest(url: url(path))
        request.method = .init(rawValue: method)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "Content-Type", value: type)
            request.body = .bytes(ByteBuffer(string: body))
        }
        do {
            let response = try await Self.client.execute(request, timeout: Self.patience)
            let bytes = try await response.body.collect(upTo: 1 << 24)
            return HTTPAnswer(status: Int(response.status.code), body: String(buffer: bytes))
        } catch {
            return nil  // No answer is an answer here: each caller says what it means.
        }
    }

    func get(_ path: String, token: String? = nil) async throws -> HTTPAnswer? { await send("GET", path, token: token) }

    /// Sends a callback.
    func post(_ message: Message) async -> Answer {
        guard let answer = await send("POST", market.inboundPath, body: message.callback) else { return .none }
        switch answer.status {
        case 200 where answer.body.contains(#""status":"recorded""#): return .recorded
        case 200 where answer.body.contains(#""status":"duplicate""#): return .duplicate
        case 202:
            guard let kept = try? JSONDecoder().decode(Kept.self, from: Data(answer.body.utf8)), kept.status == "quarantined",
                kept.reason == "unknown_product"
            else { return .wrong("202 \(answer.body.prefix(300))") }
            return .kept(kept.quarantineId)
        case 503: return .later
        default: return .wrong("\(answer.status) \(answer.body.prefix(300))")
        }
    }

    private struct Kept: Decodable {
        let status: String
        let reason: String
        let quarantineId: Int64
    }
}
