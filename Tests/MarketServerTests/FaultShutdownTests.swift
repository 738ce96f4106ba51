import AsyncHTTPClient
import Foundation
import HTTPTypes
import NIOCore
import PGClient
import TestSupport
import Testing

@testable import MarketServer

@Suite("A server that is asked to stop")
struct FaultShutdownTests {
    private typealias Event = BillingShop.Event

    /// The beginning of an upload; the rest once the test says so.
    private struct HeldUpload: AsyncSequence, Sendable {
        let parts: [ByteBuffer]
        let goOn: AsyncStream<Void>

        struct AsyncIterator: AsyncIteratorProtocol {
            var parts: ArraySlice<ByteBuffer>
            let goOn: AsyncStream<Void>
            var first = true

            mutating func next() async throws -> ByteBuffer? {
                if !first {
                    var iterator = goOn.makeAsyncIterator()
                    _ = await iterator.next()
                }
                first = false
                return parts.popFirst()
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: parts[...], goOn: goOn) }
    }

    @Test("an upload in flight is taken to its end and answered line for line")
    func uploadInFlight() async throws {
        try await TestServer.with { server in
            let shop = try await BillingShop(server)
            let lines = (1...4_000).map { Event(uid: "UID_\($0)", tradeNo: "trade-\($0)", createTime: 1_600_000_000_000 + $0).data + "\n" }
            let parts = [ByteBuffer(string: lines[..<3_000].joined()), ByteBuffer(string: lines[3_000...].joined())]
            let (goOn, continuing) = AsyncStream.makeStream(of: Void.self)
            let answered = Tally()
            let (firstAnswer, answering) = AsyncStream.makeStream(of: Void.self)
            async let count = server.read(
                .post, "/v1/payment-events", token: shop.key, body: .stream(HeldUpload(parts: parts, goOn: goOn), length: .unknown),
                headers: [.contentType: "application/x-ndjson"]
            ) { line in
                let text = String(decoding: line, as: UTF8.self)
                if text.contains(#""status":"recorded""#) { answered.add(text) }
                answering.yield()
            }
            for await _ in firstAnswer { break }
            await server.shutDown()
            continuing.finish()
            #expect(try await count == 4_000)
            #expect(answered.all.count == 4_000)
            let stored = try await withClient(server.database.url) {
                try await $0.run(SQL("select count(*) from payment_event").value(Int64.self))
            }
            #expect(stored == 4_000)
        }
    }

    @Test("under load each request is answered or its connection refused, and what was acknowledged is stored")
    func underLoad() async throws {
        try await TestServer.with { server in
            let shop = try await BillingShop(server)
            let acknowledged = Tally()
            let (progress, counted) = AsyncStream.makeStream(of: Int.self)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for sender in 0..<12 {
                    group.addTask {
                        for number in 0... {
                            let event = Event(
                                uid: "UID_\(sender)", tradeNo: "trade-\(sender)-\(number)", createTime: 1_600_000_000_000 + number)
                            // A connection that is refused or closed: the server is gone.
                            guard let answer = try? await shop.callback(event) else { return }
                            #expect([200, 503].contains(answer.status), "\(answer.text)")
                            guard answer.status == 200 else { continue }
                            counted.yield(acknowledged.add(event.tradeNo))
                        }
                    }
                }
                for await count in progress where count >= 200 { break }
                await server.shutDown()
                try await group.waitForAll()
            }
            let stored = try await withClient(server.database.url) {
                try await $0.run(SQL("select trade_no from payment_event").values(String.self))
            }
            #expect(acknowledged.all.subtracting(stored) == [])
        }
    }

    @Test("what is under way at the moment of the stop is answered before its connection is closed", arguments: 1...3)
    func answeredBeforeClosing(round: Int) async throws {
        try await TestServer.with { server in
            let shop = try await BillingShop(server)
            let callback = Event(tradeNo: "trade-\(round)").callback
            let waiting: SQL = """
                select count(*) from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.datname = current_database()
                """
            try await withClient(server.database.url) { owner in
                try await withThrowingTaskGroup(of: String?.self) { group in
                    try await owner.transaction { transaction in
                        _ = try await transaction.run(SQL("lock table payment_event in exclusive mode").execute)
                        group.addTask {
                            await RawConnection.exchange(
                                "POST \(shop.inbound) HTTP/1.1\r\nHost: x\r\nContent-Length: \(callback.utf8.count)\r\n\r\n\(callback)",
                                port: server.port)
                        }
                        let deadline = ContinuousClock.now + .seconds(20)
                        while try await owner.run(waiting.value(Int.self)) == 0 {
                            try #require(ContinuousClock.now < deadline, "the callback does not come to the table")
                        }
                        await server.shutDown()
                        // The server has heard of it when it takes no connections any more.
                        while let connection = Loopback.connect(port: server.port) {
                            close(connection)
                            try #require(ContinuousClock.now < deadline, "the server goes on listening")
                            await Task.yield()
                        }
                    }
                    let heard = try #require(try await group.next() ?? nil)
                    #expect(heard.hasSuffix(#"{"status":"recorded"}"#), "\(heard)")
                }
            }
        }
    }
}
