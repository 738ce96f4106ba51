import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Logging
import MarketSchema
import NIOCore
import PGClient
import TestSupport
import Testing

@testable import MarketServer

/// A server of a test's own, on a socket, over a fresh database. Every answer is held to the contract.
struct TestServer: Sendable {
    static let operatorToken = "op_a_token_for_tests_alone"

    let database: TestDatabase
    let services: AppServices
    private let client: any TestClientProtocol
    private let contract: Contract

    /// Lends a running server.
    static func with(
        operatorToken: String? = operatorToken, logger: Logger = quiet, _ body: @Sendable (TestServer) async throws -> Void
    ) async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            let settings = ServerSettings(
                databaseURL: database.url, port: 0, publicURL: "https://market.test", operatorToken: operatorToken)
            let services = try AppServices(settings, logger: logger)
            let contract = try Contract.load()
            try await buildApplication(services).test(.live) { client in
                try await body(TestServer(database: database, services: services, client: client, contract: contract))
            }
        }
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPFields
        let bytes: [UInt8]

        /// The body as JSON; null when it is none.
        var json: JSONValue { (try? JSONValue(json: bytes)) ?? .null }
        var text: String { String(decoding: bytes, as: UTF8.self) }
        /// The pointers and parameters of a problem.
        var fields: [String] { (json["errors"]?.array ?? []).compactMap { ($0["pointer"] ?? $0["parameter"])?.string } }

        subscript(_ name: String) -> JSONValue? { json[name] }
        var id: Int { json["id"]?.integer ?? 0 }
    }

    /// Sends a request. `json` goes as it is written, so that tests can send what is no JSON.
    @discardableResult
    func call(
        _ method: HTTPRequest.Method, _ path: String, token: String? = nil, json: String? = nil, headers: HTTPFields = [:],
        expecting status: Int? = nil, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Answer {
        var headers = headers
        if let token { headers[.authorization] = "Bearer \(token)" }
        if json != nil, headers[.contentType] == nil { headers[.contentType] = "application/json" }
        let response = try await client.execute(
            uri: path, method: method, headers: headers, body: json.map { ByteBuffer(string: $0) })
        let answer = Answer(status: response.status.code, headers: response.headers, bytes: Array(response.body.readableBytesView))
        if let status { #expect(answer.status == status, "\(method) \(path): \(answer.text)", sourceLocation: sourceLocation) }
        let sent = Dictionary(answer.headers.map { ($0.name.rawName, $0.value) }) { first, _ in first }
        let violations = contract.check(
            method: method.rawValue, pathTemplateOrPath: path, status: answer.status, contentType: answer.headers[.contentType],
            body: answer.bytes, headers: sent)
        // What the contract does not know is answered too, and tested without it.
        if answer.status != 405 && contract.document.template(of: path) != nil {
            #expect(violations == [], "\(method) \(path)", sourceLocation: sourceLocation)
        }
        #expect(answer.headers[.init("X-Request-Id")!]?.isEmpty == false, sourceLocation: sourceLocation)
        #expect(answer.headers[.xContentTypeOptions] == "nosniff", sourceLocation: sourceLocation)
        return answer
    }
}

// What most tests begin with.
extension TestServer {
    /// A publisher and its key.
    func makePublisher(_ name: String = "Tides") async throws -> (id: Int, key: String) {
        let made = try await call(
            .post, "/v1/publishers", token: Self.operatorToken, json: #"{"name":"\#(name)","email":"a@example.com"}"#, expecting: 201)
        return (made.id, try #require(made["apiKey"]?.string))
    }

    func makeApp(_ key: String, _ fields: String = #""name":"Tide tables""#) async throws -> Answer {
        try await call(.post, "/v1/apps", token: key, json: "{\(fields)}", expecting: 201)
    }

    /// The body of a product of these resources.
    func product(of resources: [Int], more: String = "") -> String {
        #"{"name":"All tides","summary":"s","description":"d","contact":"wx: tides","resourceIds":\#(resources),"#
            + #""pricePlans":[{"name":"1 day","amount":50,"addTime":86400000}]\#(more)}"#
    }

    /// A product that waits for review.
    func makeProduct(_ key: String, of resources: [Int], more: String = "") async throws -> Answer {
        try await call(.post, "/v1/products", token: key, json: product(of: resources, more: more), expecting: 201)
    }

    @discardableResult
    func approve(_ product: Int) async throws -> Answer {
        try await call(
            .post, "/v1/products/\(product)/reviews", token: Self.operatorToken, json: #"{"decision":"approve","commissionBps":1000}"#,
            expecting: 200)
    }
}
