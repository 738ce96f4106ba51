import AsyncHTTPClient
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import MarketSchema
import NIOCore
import NIOHTTP1
import PGClient
import ServiceLifecycle
import TestSupport
import Testing

@testable import MarketServer

/// A server on a socket, over any database, asked over as many connections as there are requests, with bodies of any bytes. Every answer is held
/// to the contract.
struct TestServer: Sendable {
    static let operatorToken = "op_a_token_for_tests_alone"

    let services: AppServices
    /// The server's; it outlives it.
    let database: TestDatabase
    /// Where it listens, for a test that speaks HTTP, or none, by itself.
    let port: Int
    private let group: ServiceGroup
    private let contract: Contract

    /// Lends a running server over a fresh database.
    static func with(
        configure: (inout ServerSettings) -> Void = { _ in }, idleTimeout: Duration = standardIdleTimeout, logger: Logger = quiet,
        _ body: @escaping @Sendable (TestServer) async throws -> Void
    ) async throws {
        try await TestDatabase.with(Schema.migrations) {
            try await with(over: $0, configure: configure, idleTimeout: idleTimeout, logger: logger, body)
        }
    }

    /// Lends a running server over a database that is there.
    static func with(
        over database: TestDatabase, configure: (inout ServerSettings) -> Void = { _ in }, idleTimeout: Duration = standardIdleTimeout,
        isExpress: Bool = true, logger: Logger = quiet,
        _ body: @escaping @Sendable (TestServer) async throws -> Void
    ) async throws {
        var settings = ServerSettings(
            databaseURL: database.url, port: 0, publicURL: "https://market.test", operatorToken: operatorToken)
        configure(&settings)
        let services = try AppServices(settings, logger: logger)
        let contract = try Contract.load()
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let application = Announced(base: buildApplication(services, idleTimeout: idleTimeout, isExpress: isExpress)) { port in
            if let port { found.yield(port) }
        }
        let group = ServiceGroup(configuration: .init(services: [application], logger: logger))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask {
                defer { found.finish() }
                try await group.run()
            }
            var iterator = ports.makeAsyncIterator()
            guard let port = await iterator.next() else { return try await tasks.waitForAll() }
            let server = TestServer(services: services, database: database, port: port, group: group, contract: contract)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(server))
            } catch {
                result = .failure(error)
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            try result.get()
        }
    }

    /// Asks the server to finish what it has and to take nothing more.
    func shutDown() async {
        await group.triggerGracefulShutdown()
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]

        /// The body as JSON; null when it is none.
        var json: JSONValue { (try? JSONValue(json: bytes)) ?? .null }
        var contentType: String { headers[.contentType] ?? "" }
        var retryAfter: Int { headers[.retryAfter].flatMap { Int($0) } ?? 0 }
        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// The lines of NDJSON.
        var lines: [JSONValue] { bytes.split(separator: 0x0A).map { (try? JSONValue(json: $0)) ?? .null } }
        /// The pointers and parameters of a problem.
        var fields: [String] { (json["errors"]?.array ?? []).compactMap { ($0["pointer"] ?? $0["parameter"])?.string } }
        subscript(_ name: String) -> JSONValue? { json[name] }
        var id: Int { json["id"]?.integer ?? 0 }
    }

    /// Sends a request; the body goes as it is, so that tests can send what is no JSON.
    @discardableResult
    func call(
        _ method: HTTPRequest.Method, _ path: String, token: String? = nil, json: String? = nil, body: HTTPClientRequest.Body? = nil,
        headers: HTTPFields = [:], expecting status: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = HTTPMethod(rawValue: method.rawValue)
        if let token { request.headers.add(name: "Authorization", value: "Bearer \(token)") }
        for field in headers { request.headers.replaceOrAdd(name: field.name.rawName, value: field.value) }
        request.body = body ?? json.map { .bytes(ByteBuffer(string: $0)) }
        if request.body != nil, !request.headers.contains(name: "Content-Type") {
            request.headers.add(name: "Content-Type", value: "application/json")
        }
        let response = try await Self.client.execute(request, timeout: .seconds(120))
        let bytes = Array(buffer: try await response.body.collect(upTo: 1 << 28))
        let headers = HTTPFields(
            response.headers.compactMap { field in HTTPField.Name(field.name).map { HTTPField(name: $0, value: field.value) } })
        let answer = Answer(status: Int(response.status.code), headers: headers, bytes: bytes)
        if let status { #expect(answer.status == status, "\(method) \(path): \(answer.text.prefix(500))", sourceLocation: sourceLocation) }
        #expect(response.headers["X-Request-Id"].first?.isEmpty == false, sourceLocation: sourceLocation)
        #expect(answer.headers[.xContentTypeOptions] == "nosniff", sourceLocation: sourceLocation)
        // What the contract does not know is answered too, and tested without it.
        guard answer.status != 405, method != .head, contract.document.template(of: path) != nil else { return answer }
        let violations = contract.check(
            method: method.rawValue, pathTemplateOrPath: path, status: answer.status,
            contentType: answer.headers[.contentType],
            body: bytes, headers: Dictionary(response.headers.map { ($0.name, $0.value) }) { first, _ in first })
        #expect(violations.prefix(5) == [], "\(method) \(path)", sourceLocation: sourceLocation)
        return answer
    }

    /// Sends a request and reads the answer's lines as they come, handing each on; their number.
    func read(
        _ method: HTTPRequest.Method, _ path: String, token: String, body: HTTPClientRequest.Body, headers: HTTPFields = [:],
        line: (Data) throws -> Void
    ) async throws -> Int {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.method = HTTPMethod(rawValue: method.rawValue)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        for field in headers { request.headers.add(name: field.name.rawName, value: field.value) }
        request.body = body
        var count = 0
        var rest = Data()
        for try await buffer in try await Self.client.execute(request, timeout: .seconds(180)).body {
            rest.append(contentsOf: buffer.readableBytesView)
            while let end = rest.firstIndex(of: 0x0A) {
                count += 1
                try line(Data(rest[..<end]))
                rest = rest[(end + 1)...]
            }
            rest = Data(rest)
        }
        #expect(rest.isEmpty, "the last line does not end")
        return count
    }

    /// Asks and leaves the answer's body to be read.
    func open(_ path: String, token: String) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)\(path)")
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        return try await Self.client.execute(request, timeout: .seconds(60))
    }

    /// Many connections at once; the tests of one process share it.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 64
        // A server that is gone is gone.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}
