import AsyncHTTPClient
import Billing
import Foundation
import HTTPTypes
import NIOCore
import PGClient
import TestSupport
import Testing

@testable import MarketServer

@Suite("Backfill over HTTP")
struct BillingBackfillTests {
    private typealias Event = BillingShop.Event

    /// One line of the upload: its bytes without an ending, and what is due for it; nothing for a blank line.
    private static func line(_ number: Int) -> (bytes: [UInt8], due: (status: String, tradeNo: String?)?) {
        func event(_ number: Int) -> Event {
            Event(
                uid: "UID_\(number % 5_000)", tradeNo: "trade-\(number)", createTime: 1_600_000_000_000 + number * 1_000,
                prodId: number.isMultiple(of: 3) ? 13 : 12)
        }
        let trade = "trade-\(number)"
        guard number > 10, number.isMultiple(of: 997) else { return (Array(event(number).data.utf8), ("recorded", trade)) }
        // Ten above lies in the same transaction or in the one before.
        let earlier = "trade-\(number - 10)"
        switch number / 997 % 7 {
        case 0: return (Array(Event(uid: "UID_x", tradeNo: earlier, amount: 77).data.utf8), ("conflict", earlier))
        case 1: return (Array(Event(tradeNo: trade, addTime: 0).data.utf8), ("invalid", trade))
        case 2: return (Array((event(number).data.dropLast(3) + "\(number)").utf8), ("invalid", nil))
        case 3: return (Array("{\"\(number)\":\"".utf8) + Array(repeating: 0x79, count: 70_000) + Array("\"}".utf8), ("invalid", nil))
        case 4: return ([0xC3, 0x28] + Array("\(number)".utf8), ("invalid", nil))
        case 5: return ([], nil)
        default: return (Array(event(number - 10).data.utf8), ("duplicate", earlier))
        }
    }

    /// The upload, made while it is sent, cut at random places.
    private struct Upload: AsyncSequence, Sendable {
        let count: Int
        let seed: UInt64

        struct AsyncIterator: AsyncIteratorProtocol {
            let count: Int
            var random: SeededRandom
            var number = 0
            var pending = ByteBuffer()

            mutating func next() async throws -> ByteBuffer? {
                let size = Int.random(in: 1...60_000, using: &random)
                while pending.readableBytes < size, number < count {
                    number += 1
                    pending.writeBytes(BillingBackfillTests.line(number).bytes)
                    pending.writeString(Bool.random(using: &random) ? "\n" : "\r\n")
                }
                defer { pending.discardReadBytes() }
                return pending.readableBytes == 0 ? nil : pending.readSlice(length: Swift.min(size, pending.readableBytes))
            }
        }

        func makeAsyncIterator() -> AsyncIterator { AsyncIterator(count: count, random: SeededRandom(seed: seed)) }
    }

    private struct Result: Decodable {
        let line: Int
        let status: String
        let tradeNo: String?
        let quarantineId: Int?
    }

    @Test("20,000 lines, some of them bad: each is answered in its place; sent again, all are known")
    func large() async throws {
        let count = 20_000
        let seed = UInt64.random(in: 0...UInt64.max)
        print("backfill seed \(seed)")
        try await BillingShop.with { shop in
            for round in 1...2 {
                var number = 0
                var wrong: [String] = []
                let answered = try await shop.server.read(
                    .post, "/v1/payment-events", token: shop.key, body: .stream(Upload(count: count, seed: seed), length: .unknown),
                    headers: [.contentType: "application/x-ndjson"]
                ) { text in
                    number += 1
                    if Self.line(number).due == nil { number += 1 }
                    guard let (status, trade) = Self.line(number).due else { return }
                    let due = round == 2 && status == "recorded" ? "duplicate" : status
                    let result = try JSONDecoder().decode(Result.self, from: text)
                    let kept = (result.quarantineId != nil) == ["conflict", "invalid"].contains(due)
                    guard result.line == number, result.status == due, result.tradeNo == trade, kept else {
                        return wrong.append("\(result), due: line \(number) \(due)")
                    }
                }
                #expect(wrong.prefix(3) == [], "\(wrong.count) lines in round \(round)")
                #expect(answered == (1...count).count { Self.line($0).due != nil })
            }
            let due = (1...count).compactMap { Self.line($0).due?.status }
            #expect(try await shop.quarantine().count == due.count { ["conflict", "invalid"].contains($0) })
            let stored = try await shop.server.services.database.run(SQL("select count(*) from payment_event").value(Int64.self))
            #expect(Int(stored) == due.count { $0 == "recorded" })
            let verified = try await Verification.run(on: shop.server.services.database)
            #expect(verified.agrees, "\(verified.drifts)")
        }
    }

    @Test("the right content type alone is taken")
    func contentType() async throws {
        try await BillingShop.with { shop in
            for type in ["application/json", "text/csv", "text/plain", "application/x-ndjsonx", ""] {
                try await shop.server.call(
                    .post, "/v1/payment-events", token: shop.key, json: Event().data, headers: [.contentType: type], expecting: 415)
            }
            for type in ["application/x-ndjson", "Application/X-NDJSON; charset=utf-8"] {
                let answer = try await shop.server.call(
                    .post, "/v1/payment-events", token: shop.key, json: Event().data, headers: [.contentType: type], expecting: 200)
                #expect(answer.lines.count == 1)
            }
            #expect(try await shop.backfill("").bytes == [])
            #expect(try await shop.backfill("\n\r\n  \n").bytes == [])
            #expect(try await shop.backfill("\n\n" + Event().data).lines.map { $0["line"]?.integer } == [3])
        }
    }

    @Test("an upload that breaks off and is sent again is recorded whole, each line once")
    func brokenOff() async throws {
        try await BillingShop.with { shop in
            let events = (1...2_500).map { Event(uid: "UID_\($0)", tradeNo: "trade-\($0)", createTime: 1_600_000_000_000 + $0) }
            let text = events.map(\.data).joined(separator: "\n")
            let half = ByteBuffer(string: String(text.prefix(text.count / 2)))
            await #expect(throws: (any Error).self) {
                try await shop.server.call(
                    .post, "/v1/payment-events", token: shop.key,
                    body: .stream(Breaking(first: half), length: .known(Int64(text.utf8.count))),
                    headers: [.contentType: "application/x-ndjson"])
            }
            let lines = try await shop.backfill(text).lines
            #expect(lines.count == 2_500 && lines.allSatisfy { [.string("recorded"), .string("duplicate")].contains($0["status"]) })
            #expect(try await shop.quarantine() == [], "the line that was cut is no line")
            let stored = try await shop.server.services.database.run(SQL("select count(*) from payment_event").value(Int64.self))
            #expect(stored == 2_500)
        }
    }

    @Test("of twenty that come at once none is sent away at once: who is too many waits for others to end")
    func atOnce() async throws {
        try await BillingShop.with { shop in
            try await withThrowingTaskGroup { group in
                for number in 1...20 {
                    group.addTask {
                        let began = ContinuousClock.now
                        let lines = Event(uid: "UID_\(number)", tradeNo: "trade-\(number)").data
                        let answer = try await shop.backfill(lines, expecting: nil)
                        return (answer, began.duration(to: .now))
                    }
                }
                for try await (answer, waited) in group {
                    if answer.status == 200 {
                        #expect(answer.lines.map { $0["status"] } == [.string("recorded")])
                    } else {
                        // On a busy machine even that may be too short.
                        #expect(answer.status == 503 && waited >= PaymentEventRoutes.patience, "\(answer.status) after \(waited)")
                    }
                }
            }
        }
    }

    @Test("answers come while the rest is still being sent")
    func interleaved() async throws {
        try await BillingShop.with { shop in
            let (answers, answered) = AsyncStream.makeStream(of: Void.self)
            let lines = (1...4_000).map { Event(uid: "UID_\($0)", tradeNo: "trade-\($0)", createTime: 1_600_000_000_000 + $0).data + "\n" }
            let first = ByteBuffer(string: lines[..<1_000].joined())
            let rest = ByteBuffer(string: lines[1_000...].joined())
            let body = HTTPClientRequest.Body.stream(Waiting(first: first, rest: rest, signal: answers), length: .unknown)
            let count = try await shop.server.read(
                .post, "/v1/payment-events", token: shop.key, body: body, headers: [.contentType: "application/x-ndjson"]
            ) { _ in answered.yield() }
            #expect(count == 4_000)
        }
    }
}

/// The beginning of an upload, and then a sender that is gone.
private struct Breaking: AsyncSequence, Sendable {
    struct Gone: Error {}
    let first: ByteBuffer

    struct AsyncIterator: AsyncIteratorProtocol {
        var first: ByteBuffer?

        mutating func next() async throws -> ByteBuffer? {
            guard let first else { throw Gone() }
            self.first = nil
            return first
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(first: first) }
}

/// The beginning of an upload, and the rest once something was answered.
private struct Waiting: AsyncSequence, Sendable {
    let first: ByteBuffer
    let rest: ByteBuffer
    let signal: AsyncStream<Void>

    struct AsyncIterator: AsyncIteratorProtocol {
        var parts: [ByteBuffer]
        let signal: AsyncStream<Void>
        var sent = 0

        mutating func next() async throws -> ByteBuffer? {
            guard !parts.isEmpty else { return nil }
            if sent > 0 {
                var answers = signal.makeAsyncIterator()
                _ = await answers.next()
            }
            sent += 1
            return parts.removeFirst()
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(parts: [first, rest], signal: signal) }
}
