import HTTPTypes
import Testing

@testable import MarketServer

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
