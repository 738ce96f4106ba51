import Foundation
import HTTPTypes
import Logging
import MarketSchema
import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import MarketServer

@Suite("The server's own routes and its edge")
struct CatalogServiceTests {
    @Test("the server is alive, ready, tells its contract and its metrics")
    func service() async throws {
        try await TestServer.with { server in
            try await server.call(.get, "/healthz", expecting: 200)
            try await server.call(.get, "/readyz", expecting: 200)
            #expect(try await server.call(.get, "/openapi.yaml", expecting: 200).text == Schema.contract)
            try await server.call(.get, "/v1/apps/5", expecting: 401)
            let metrics = try await server.call(.get, "/metrics", expecting: 200).text
            #expect(metrics.contains(#"http_server_request_duration_seconds_count{method="GET",route="/v1/apps/{appId}",status="401"} 1"#))
            #expect(metrics.contains("# TYPE database_connections_open gauge\n") && metrics.contains("process_start_time_seconds "))
        }
    }

    @Test("a database without its last migration is not ready, nor one that is newer")
    func notReady() async throws {
        try await TestServer.with { server in
            try await server.database.asOwner(
                "insert into schema_migration (number, name, checksum) select max(number) + 1, 'later', 'x' from schema_migration")
            let newer = try await server.call(.get, "/readyz", expecting: 503)
            #expect(newer["detail"]?.string?.contains("older than the database") == true)
            try await server.database.asOwner(
                "delete from schema_migration where number > (select max(number) - 2 from schema_migration)")
            #expect(try await server.call(.get, "/readyz", expecting: 503)["detail"]?.string?.contains("market migrate") == true)
        }
    }

    @Test("what is not there is 404, what takes another method 405 with the methods that it takes, both as problems")
    func unrouted() async throws {
        try await TestServer.with { server in
            let missing = try await server.call(.get, "/v1/nothing", expecting: 404)
            #expect(missing.headers[.contentType] == "application/problem+json" && missing["instance"]?.string == "/v1/nothing")
            let put = try await server.call(.put, "/v1/apps", json: "{}", expecting: 405)
            #expect(put.headers[.allow] == "POST, GET, HEAD", "\(put.text)")
            try await server.call(.trace, "/v1/apps/5", expecting: 405)
            #expect(put.headers[.cacheControl] == "no-store")
        }
    }

    @Test("every route of the catalog and the service is in the contract, with who may call it, and the other way round")
    func table() async throws {
        let contract = try Contract.load()
        let services = try AppServices(ServerSettings(databaseURL: "postgresql://nowhere.invalid/x"), logger: .init(label: "test"))
        let table = RouteTable(services).routes
        let routes = Dictionary(grouping: table) { "\($0.method.rawValue) \($0.path)" }
        #expect(routes.values.allSatisfy { $0.count == 1 })
        let operations = Dictionary(contract.operations.map { ("\($0.method) \($0.path)", $0) }) { first, _ in first }
        #expect(Set(routes.keys).subtracting(operations.keys) == [])
        #expect(Set(operations.keys).subtracting(routes.keys) == [])
        for (name, route) in routes {
            guard let route = route.first, let operation = operations[name] else { continue }
            let schemes = Set(operation.securitySchemes)
            #expect(route.access.operatorToken == schemes.contains("operatorToken"), "\(name)")
            #expect((route.access.publisher != nil) == schemes.contains("publisherKey"), "\(name)")
            #expect(route.access.app == schemes.contains("appToken"), "\(name)")
            #expect(route.access.publisher?.rawValue == operation.definition["x-scope"]?.string, "\(name)")
        }
    }

    @Test("the migrations that the program carries are those of the folder")
    func migrations() throws {
        let folder = OpenAPIDocument.location.deletingLastPathComponent().appending(path: "sql/migrations")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }.sorted()
        #expect(Schema.migrations.map { $0.name } == names.map { String($0.dropFirst(5).dropLast(4)) })
        for (migration, name) in zip(Schema.migrations, names) {
            #expect(migration.sql == (try String(contentsOf: folder.appending(path: name), encoding: .utf8)))
        }
    }
}
