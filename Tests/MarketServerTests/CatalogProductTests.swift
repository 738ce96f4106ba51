import HTTPTypes
import Testing

@testable import MarketServer

@Suite("Products, review, listing and the market over HTTP")
struct CatalogProductTests {
    @Test("a product waits for review, is listed with its commission, and its history tells who moved it")
    func life() async throws {
        try await TestServer.with { server in
            let (publisher, key) = try await server.makePublisher()
            let app = try await server.makeApp(key).id
            let topic = try await server.call(.post, "/v1/apps/\(app)/topics", token: key, json: #"{"name":"Spring"}"#, expecting: 201).id
            let made = try await server.makeProduct(key, of: [topic, app], more: #","externalId":12"#)
            #expect(made["listing"]?.string == "pending_review" && made["commissionBps"] == .null && made["publisherId"] == nil)
            #expect(made["resourceIds"] == .array([.integer(topic), .integer(app)]))
            let path = "/v1/products/\(made.id)"

            try await server.call(.get, "/v1/market\(path.dropFirst(3))", expecting: 404)
            let desk = try await server.call(.get, "/v1/products?listing=pending_review", token: TestServer.operatorToken, expecting: 200)
            #expect(desk["data"]?.array?.map { $0["publisherId"]?.integer } == [publisher])
            #expect(try await server.approve(made.id)["listing"]?.string == "listed")
            let market = try await server.call(.get, "/v1/market\(path.dropFirst(3))", expecting: 200)
            #expect(market["publisher"]?["name"]?.string == "Tides" && market["contentHash"] == made["contentHash"])

            try await server.call(.put, path + "/listing", token: key, json: #"{"state":"delisted","reason":"Season"}"#, expecting: 200)
            try await server.call(.put, path + "/listing", token: key, json: #"{"state":"delisted"}"#, expecting: 200)
            try await server.call(.put, path + "/listing", token: TestServer.operatorToken, json: #"{"state":"listed"}"#, expecting: 200)
            let detail = try await server.call(.get, path, token: key, expecting: 200)
            let history = detail["history"]?.array ?? []
            #expect(history.map { $0["to"]?.string } == ["pending_review", "listed", "delisted", "listed"])
            #expect(history.dropFirst().map { $0["actor"]?.string } == ["operator", "publisher:\(publisher)", "operator"])
            #expect(history[2]["reason"]?.string == "Season" && detail["commissionBps"]?.integer == 1000)
            #expect(detail["resources"]?.array?.map { $0["type"]?.string } == ["topic", "app"])
        }
    }

    @Test("moves that the state does not allow are 409: a second review, listing before one, anything after a rejection")
    func moves() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key).id
            let path = "/v1/products/\(try await server.makeProduct(key, of: [app]).id)"
            func review(_ json: String, _ status: Int) async throws -> [String] {
                try await server.call(.post, path + "/reviews", token: TestServer.operatorToken, json: json, expecting: status).fields
            }
            for state in ["listed", "delisted"] {
                try await server.call(.put, path + "/listing", token: key, json: #"{"state":"\#(state)"}"#, expecting: 409)
            }
            #expect(try await review(#"{"decision":"approve"}"#, 400) == ["/commissionBps"])
            #expect(try await review(#"{"decision":"approve","commissionBps":10001}"#, 422) == ["/commissionBps"])
            #expect(try await review(#"{"decision":"maybe"}"#, 422) == ["/decision"])
            try await server.call(.post, path + "/reviews", token: key, json: #"{"decision":"reject"}"#, expecting: 403)
            _ = try await review(#"{"decision":"reject","reason":"No"}"#, 200)
            _ = try await review(#"{"decision":"approve","commissionBps":1}"#, 409)
            try await server.call(.put, path + "/listing", token: key, json: #"{"state":"listed"}"#, expecting: 409)
            try await server.call(.put, path + "/listing", token: key, json: #"{"state":"rejected"}"#, expecting: 422)
            try await server.call(
                .post, "/v1/products/999/reviews", token: TestServer.operatorToken, json: #"{"decision":"reject"}"#, expecting: 404)

            // A review does not list again what was delisted.
            let other = try await server.makeProduct(key, of: [app]).id
            try await server.approve(other)
            try await server.call(.put, "/v1/products/\(other)/listing", token: key, json: #"{"state":"delisted"}"#, expecting: 200)
            try await server.call(
                .post, "/v1/products/\(other)/reviews", token: TestServer.operatorToken, json: #"{"decision":"approve","commissionBps":1}"#,
                expecting: 409)
        }
    }

    @Test("what belongs to others cannot be bundled, replaced, read or moved")
    func walls() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let (_, other) = try await server.makePublisher("Moons")
            let (mine, theirs) = (try await server.makeApp(key).id, try await server.makeApp(other).id)
            let product = try await server.makeProduct(other, of: [theirs]).id
            func create(_ json: String, _ status: Int) async throws -> [String] {
                try await server.call(.post, "/v1/products", token: key, json: json, expecting: status).fields
            }
            #expect(try await create(server.product(of: [mine, theirs]), 422) == ["/resourceIds/1"])
            #expect(try await create(server.product(of: [mine], more: #","replaces":\#(product)"#), 422) == ["/replaces"])
            #expect(try await create(server.product(of: [mine], more: #","replaces":0"#), 422) == ["/replaces"])
            #expect(try await create(server.product(of: [mine, mine]), 422) == ["/resourceIds"])
            #expect(try await create(server.product(of: []), 422) == ["/resourceIds"])
            #expect(try await create(#"{"resourceIds":["1"],"pricePlans":[{"name":1}]}"#, 400).contains("/pricePlans/0/amount"))
            try await server.call(.get, "/v1/products/\(product)", token: key, expecting: 404)
            try await server.call(.put, "/v1/products/\(product)/listing", token: key, json: #"{"state":"delisted"}"#, expecting: 404)
            #expect(try await server.call(.get, "/v1/products", token: key, expecting: 200)["data"] == .array([]))
            _ = try await server.makeProduct(key, of: [mine], more: #","externalId":3"#)
            _ = try await create(server.product(of: [mine], more: #","externalId":3"#), 409)
        }
    }

    @Test("the market shows the newest of a chain of replacements, and finds text as it is written")
    func market() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key).id
            let old = try await server.makeProduct(key, of: [app]).id
            try await server.approve(old)
            let new = try await server.makeProduct(key, of: [app], more: #","replaces":\#(old)"#).id
            func found(_ query: String = "") async throws -> [Int] {
                try await server.call(.get, "/v1/market/products\(query)", expecting: 200)["data"]?.array?.compactMap { $0["id"]?.integer }
                    ?? []
            }
            #expect(try await found() == [old])
            try await server.approve(new)
            #expect(try await found() == [new])
            try await server.call(.get, "/v1/market/products/\(old)", expecting: 200)
            #expect(try await found("?search=TIDE") == [new])
            #expect(try await found("?search=all+tides") == [new])
            for wildcard in ["%25", "_"] { #expect(try await found("?search=" + wildcard) == []) }
            #expect(try await found("?search=") == [new])
            for query in ["?search=%07", "?search=%FF", "?search=" + String(repeating: "a", count: 201), "?search=a&search=b"] {
                #expect(try await server.call(.get, "/v1/market/products" + query, expecting: 400).fields == ["search"])
            }
            #expect(try await server.call(.get, "/v1/products?listing=sold", token: key, expecting: 400).fields == ["listing"])
        }
    }

    @Test("many moves at once leave one unbroken chain")
    func concurrentMoves() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let product = try await server.makeProduct(key, of: [try await server.makeApp(key).id]).id
            try await server.approve(product)
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for index in 0..<20 {
                    let state = index.isMultiple(of: 2) ? "delisted" : "listed"
                    group.addTask {
                        try await server.call(.put, "/v1/products/\(product)/listing", token: key, json: #"{"state":"\#(state)"}"#).status
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 200 }, "\(statuses)")
            let history = try await server.call(.get, "/v1/products/\(product)", token: key)["history"]?.array ?? []
            for (earlier, later) in zip(history, history.dropFirst()) { #expect(later["from"] == earlier["to"]) }
        }
    }
}
