import HTTPTypes
import Testing

@testable import MarketServer

@Suite("Apps and topics over HTTP")
struct CatalogAppTests {
    @Test("an app is made with secrets that are shown once, and can be read, changed and cleared")
    func life() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let made = try await server.makeApp(
                key, #""name":"Tide tables","callbackUrl":"https://example.com/cb","contact":"wx","externalId":30630"#)
            #expect(made["inboundUrl"]?.string?.hasPrefix("https://market.test/v1/inbound/in_") == true)
            let path = "/v1/apps/\(made.id)"
            let read = try await server.call(.get, path, token: key, expecting: 200)
            #expect(read["externalId"]?.integer == 30630 && read["appToken"] == nil && read["webhookSecret"] == nil)

            let changed = try await server.call(
                .patch, path, token: key, json: #"{"name":"Moons","contact":null,"followTip":"Hi\n"}"#, expecting: 200)
            #expect(changed["name"]?.string == "Moons" && changed["contact"] == .null && changed["followTip"]?.string == "Hi\n")
            #expect(changed["callbackUrl"]?.string == "https://example.com/cb" && changed["externalId"]?.integer == 30630)
            #expect(try await server.call(.patch, path, token: key, json: #"{"name":null}"#, expecting: 400).fields == ["/name"])
            #expect(try await server.call(.patch, path, token: key, json: "{}", expecting: 200)["name"]?.string == "Moons")
        }
    }

    @Test(
        "an address for callbacks is http or https, its host in ASCII, with no user name and a port that there is",
        arguments: [
            ("https://example.com/cb?x=1", 201), ("http://127.0.0.1:9/", 201), ("http://[::1]:80/", 201), ("ftp://example.com/", 422),
            ("https://", 422), ("https://user@example.com/", 422), ("https://例え.jp/", 422), ("https://example.com/a b", 422),
            ("example", 422), ("https://example.com:65535/", 201), ("https://example.com:65536/", 422), ("https://example.com:0/", 422),
        ])
    func callbackURL(_ url: String, _ status: Int) async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let answer = try await server.call(
                .post, "/v1/apps", token: key, json: #"{"name":"a","callbackUrl":"\#(url)"}"#, expecting: status)
            if status == 422 { #expect(answer.fields == ["/callbackUrl"]) }
        }
    }

    @Test("an externalId belongs to one app of a publisher; another publisher may use it too")
    func externalID() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let (_, other) = try await server.makePublisher("Moons")
            _ = try await server.makeApp(key, #""name":"a","externalId":5"#)
            _ = try await server.makeApp(other, #""name":"a","externalId":5"#)
            try await server.call(.post, "/v1/apps", token: key, json: #"{"name":"b","externalId":5}"#, expecting: 409)
            let second = try await server.makeApp(key)
            try await server.call(.patch, "/v1/apps/\(second.id)", token: key, json: #"{"externalId":5}"#, expecting: 409)
            #expect(
                try await server.call(.patch, "/v1/apps/\(second.id)", token: key, json: #"{"externalId":0}"#, expecting: 422).fields
                    == ["/externalId"])
        }
    }

    @Test("another publisher's app is not there, whatever is asked of it")
    func walls() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let (_, other) = try await server.makePublisher("Moons")
            let app = try await server.makeApp(key).id
            try await server.call(.get, "/v1/apps/\(app)", token: other, expecting: 404)
            try await server.call(.patch, "/v1/apps/\(app)", token: other, json: #"{"name":"x"}"#, expecting: 404)
            try await server.call(.post, "/v1/apps/\(app)/token", token: other, expecting: 404)
            try await server.call(.post, "/v1/apps/\(app)/inbound-key", token: other, expecting: 404)
            try await server.call(.post, "/v1/apps/\(app)/topics", token: other, json: #"{"name":"x"}"#, expecting: 404)
            try await server.call(.get, "/v1/apps/\(app)/topics", token: other, expecting: 404)
            #expect(try await server.call(.get, "/v1/apps", token: other, expecting: 200)["data"] == .array([]))
            for id in ["0", "x", "-1", "+1", "9007199254740992", "1.0"] {
                try await server.call(.get, "/v1/apps/\(id)", token: key, expecting: 404)
            }
        }
    }

    @Test("a new token and a new inbound address are other than the old ones")
    func rotation() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key)
            let old = try #require(app["appToken"]?.string)
            // An app token is known, and opens nothing of the catalog.
            try await server.call(.get, "/v1/apps", token: old, expecting: 403)
            let new = try await server.call(.post, "/v1/apps/\(app.id)/token", token: key, expecting: 200)["appToken"]?.string ?? ""
            try await server.call(.get, "/v1/apps", token: old, expecting: 401)
            try await server.call(.get, "/v1/apps", token: new, expecting: 403)
            let address = try await server.call(.post, "/v1/apps/\(app.id)/inbound-key", token: key, expecting: 200)["inboundUrl"]
            #expect(address != nil && address != app["inboundUrl"])
        }
    }

    @Test("lists run from the newest down, page by page; a cursor of another list or a made-up one is refused")
    func pages() async throws {
        try await TestServer.with { server in
            let (_, key) = try await server.makePublisher()
            let app = try await server.makeApp(key).id
            let path = "/v1/apps/\(app)/topics"
            var made: [Int] = []
            for name in 1...5 {
                made.append(try await server.call(.post, path, token: key, json: #"{"name":"\#(name)"}"#, expecting: 201).id)
            }
            var seen: [Int] = []
            var sizes: [Int] = []
            var cursor: String? = ""
            while let current = cursor {
                let query = "?limit=2" + (current.isEmpty ? "" : "&cursor=\(current)")
                let page = try await server.call(.get, path + query, token: key, expecting: 200)
                let ids = page["data"]?.array?.compactMap { $0["id"]?.integer } ?? []
                sizes.append(ids.count)
                seen += ids
                cursor = page["nextCursor"]?.string
            }
            #expect(seen == made.reversed() && sizes == [2, 2, 1])
            let topics = try #require(try await server.call(.get, path + "?limit=2", token: key)["nextCursor"]?.string)
            for query in ["cursor=\(topics)", "cursor=1", "cursor=", "limit=0", "limit=201", "limit=x", "limit=1&limit=1", "cursor=%FF"] {
                let answer = try await server.call(.get, "/v1/apps?\(query)", token: key, expecting: 400)
                #expect(answer.fields == [String(query.prefix { $0 != "=" })])
            }
        }
    }
}
