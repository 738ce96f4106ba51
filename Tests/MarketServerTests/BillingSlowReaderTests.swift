import AsyncHTTPClient
import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import TestSupport
import Testing

@testable import MarketServer

@Suite("Those who read slowly, and those who pack what they send")
struct BillingSlowReaderTests {
    @Test("audiences that are not read keep nobody else from the database")
    func slowReaders() async throws {
        // Four of them for this: two are recording's.
        func six(_ settings: inout ServerSettings) { settings.databaseConnections = 6 }
        try await TestServer.with(configure: six) { server in
            let shop = try await BillingShop(server)
            try await fill(shop.topic, in: server.database)
            let path = "/v1/resources/\(shop.topic)/audience?mode=paid"
            let held = [try await server.open(path, token: shop.key), try await server.open(path, token: shop.key)]
            #expect(held.map { $0.status.code } == [200, 200])
            let refused = try await server.call(.get, path, token: shop.key, expecting: 503)
            #expect(refused.retryAfter >= 1)
            for _ in 0..<20 { #expect(try await shop.payEndTime("UID_nobody") == 0) }
            #expect(try await shop.get("\(path)&count=only")["count"]?.integer == 150_000)
            var lengths: [Int] = []
            for response in held {
                var length = 0
                for try await buffer in response.body { length += buffer.readableBytes }
                lengths.append(length)
            }
            #expect(lengths[0] == lengths[1] && lengths[0] > 150_000 * 64)
            // Asking for the head alone takes no place.
            for _ in 0..<5 { try await server.call(.head, path, token: shop.key) }
            #expect(try await server.open(path, token: shop.key).status.code == 200)
        }
    }

    @Test("an audience of which nothing is taken any more ends, and gives up its place", .timeLimit(.minutes(5)))
    func stuck() async throws {
        // One for audiences.
        func four(_ settings: inout ServerSettings) { settings.databaseConnections = 4 }
        try await TestServer.with(configure: four, idleTimeout: .seconds(1)) { server in
            let shop = try await BillingShop(server)
            try await fill(shop.topic, in: server.database)
            let path = "/v1/resources/\(shop.topic)/audience?mode=paid"
            let held = try await server.open(path, token: shop.key)
            #expect(held.status.code == 200)
            // Whoever comes is sent away until it has ended by itself.
            while try await isRefused({ try await server.open(path, token: shop.key) }) {}
            await #expect(throws: (any Error).self) { for try await _ in held.body {} }
        }
    }

    /// Asked on a connection that the server ends at the same moment for its silence, a client hears neither yes nor no.
    private func isRefused(_ ask: () async throws -> HTTPClientResponse) async throws -> Bool {
        do {
            return try await ask().status.code == 503
        } catch let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE {
            return true
        } catch let error as HTTPClientError where error == .remoteConnectionClosed {
            return true
        }
    }

    /// More members than the sockets hold between the two ends.
    private func fill(_ topic: Int, in database: TestDatabase) async throws {
        try await database.asOwner(
            """
            insert into paid_window (resource_id, pay_end_time, last_event_time, payments, unmatched, uid)
            select \(topic), 4102444800000, 1600000000000, 1, 0, 'UID_' || lpad(n::text, 60, '0') from generate_series(1, 150000) n
            """)
    }

    @Test("a backfill that is compressed is refused as such, not read as lines")
    func compressed() async throws {
        try await BillingShop.with { shop in
            for encoding in ["gzip", "br", "zstd"] {
                try await shop.server.call(
                    .post, "/v1/payment-events", token: shop.key, json: "\u{1f}packed",
                    headers: [.contentType: "application/x-ndjson", .contentEncoding: encoding], expecting: 415)
            }
            let plain = try await shop.server.call(
                .post, "/v1/payment-events", token: shop.key, json: BillingShop.Event().data,
                headers: [.contentType: "application/x-ndjson", .contentEncoding: "identity"], expecting: 200)
            #expect(plain.lines.first?["status"] == .string("recorded"))
            #expect(try await shop.quarantine() == [])
        }
    }
}
