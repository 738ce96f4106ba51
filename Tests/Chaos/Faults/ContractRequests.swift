import Foundation

/// Every integer in every place of every operation of the contract: each parameter in paths and queries, numeric or not, and each member of each
/// JSON body. What is added to the contract is tried without a word here.
struct ContractRequests {
    private(set) var requests: [Integers.Request] = []
    private let operations: [Contract.Operation]
    private let market: Stage.DemoSeed
    /// An app that nobody needs: what is changed of it changes nothing else.
    private let app: Int64

    init(_ stage: Stage) async throws {
        market = stage.market
        app = try await Self.makeApp(stage)
        operations = try Contract().operations
        // Keys are revoked last: the one that all of this is sent with may be among them.
        for operation in operations.filter({ $0.method != "DELETE" }) + operations.filter({ $0.method == "DELETE" }) {
            for parameter in operation.parameters {
                requests += try Integers.values.map { try request(operation, with: $0, in: parameter) }
            }
            for example in operation.examples {
                for place in operation.places {
                    requests += try Integers.values.map { try request(operation, example, with: $0, at: place) }
                }
            }
        }
        // The contract has some hundred places; few found would mean that it is read wrongly.
        let places = Set(requests.map(\.what)).count
        guard places > 80 else { throw ChaosError("openapi.yaml: \(places) places found") }
        for operation in operations where operation.examples.isEmpty != operation.places.isEmpty {
            throw ChaosError("openapi.yaml: \(operation.name) has a body without an example, or an example without a schema")
        }
    }

    /// Operations that let nobody in, so that nothing of them was tried.
    func closed(_ statuses: [String: [Int]]) -> [String] {
        Set(requests.map(\.operation)).sorted().filter { (statuses[$0] ?? []).allSatisfy { [401, 403].contains($0) } }
            .map { "\($0): nobody was let in" }
    }

    private static func makeApp(_ stage: Stage) async throws -> Int64 {
        struct Made: Decodable { let id: Int64 }
        guard let answer = await stage.send("POST", "/v1/apps", token: stage.market.apiKey, body: #"{"name":"n"}"#), answer.status == 201
        else {
            throw ChaosError("no app could be made")
        }
        return try JSONDecoder().decode(Made.self, from: Data(answer.body.utf8)).id
    }

    // MARK: One request

    private func request(_ operation: Contract.Operation, with value: String, in parameter: Contract.Parameter) throws -> Integers.Request {
        .init(
            method: operation.method, path: path(operation, with: value, in: parameter), token: token(operation),
            body: try operation.examples.first.map(json), operation: operation.name, field: parameter.name)
    }

    private func request(
        _ operation: Contract.Operation, _ example: Any, with value: String, at place: [Contract.Step]
    ) throws -> Integers.Request {
        // As a text first: what is put in its place need be no JSON.
        let body = try json(Self.setting(example, at: place[...])).replacing("\"\(Self.hole)\"", with: value)
        return .init(
            method: operation.method, path: path(operation), token: token(operation), body: body, operation: operation.name,
            field: place.map(\.description).joined(separator: "/"))
    }

    private func token(_ operation: Contract.Operation) -> String? {
        switch operation.scheme {
        case nil: nil
        case "operatorToken": Stage.operatorToken
        default: market.apiKey
        }
    }

    private func path(_ operation: Contract.Operation, with value: String? = nil, in parameter: Contract.Parameter? = nil) -> String {
        var path = operation.path
        var query: [String] = []
        for other in operation.parameters where other.name == parameter?.name || other.isRequired || other.isInPath {
            let text = other.name == parameter?.name ? Self.escaped(value ?? "") : usual(other.name, operation)
            if other.isInPath { path = path.replacing("{\(other.name)}", with: text) } else { query.append("\(other.name)=\(text)") }
        }
        return path + (query.isEmpty ? "" : "?" + query.joined(separator: "&"))
    }

    /// A value with which a parameter finds something.
    private func usual(_ name: String, _ operation: Contract.Operation) -> String {
        switch name {
        case "resourceId": "\(market.topicId)"
        case "appId": "\(operation.method == "GET" ? market.appId : app)"
        case "productId", "prodId": "\(market.productIds[0])"
        case "inboundKey": String(market.inboundPath.split(separator: "/").last ?? "")
        case "uid": "UID_int1"
        default: "1"
        }
    }

    private static func escaped(_ text: String) -> String {
        String(decoding: text.utf8.flatMap { Array("%\(String(format: "%02X", $0))".utf8) }, as: UTF8.self)
    }

    // MARK: Bodies

    private static let hole = "here"

    private func json(_ value: Any) throws -> String {
        String(decoding: try JSONSerialization.data(withJSONObject: value, options: [.sortedKeys]), as: UTF8.self)
    }

    /// The value with the hole in a place, which is made where it is not there.
    private static func setting(_ value: Any?, at place: ArraySlice<Contract.Step>) -> Any {
        guard let step = place.first else { return hole }
        switch step {
        case .member(let name):
            var object = value as? [String: Any] ?? [:]
            object[name] = setting(object[name], at: place.dropFirst())
            return object
        case .first:
            let array = value as? [Any] ?? []
            return [setting(array.first, at: place.dropFirst())] + array.dropFirst()
        }
    }
}
