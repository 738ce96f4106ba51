import Foundation
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

/// The published vectors: one window, the events of one subscriber on one resource, in the order of delivery.
@Suite("Paid window: the vectors")
struct PaidWindowVectorTests {
    struct File: Decodable {
        let cases: [Vector]
    }

    struct Vector: Decodable, Sendable, CustomTestStringConvertible {
        struct Event: Decodable, Sendable {
            let type: Int16
            let createTime: Int64
            let addTime: Int64
            let amount: Int64
            let tradeNo: String
            let payTradeNo: String?
        }
        struct Run: Decodable, Equatable, Sendable {
            let start: Int64
            let end: Int64
        }
        struct AsOf: Decodable, Sendable {
            let at: Int64
            let payEndTime: Int64
            let entitled: Bool
        }
        let name: String
        let events: [Event]
        let payEndTime: Int64
        let runs: [Run]
        let asOf: [AsOf]

        var testDescription: String { name }
    }

    static let vectors: [Vector] = {
        guard let url = Bundle.module.url(forResource: "paid-window", withExtension: "json", subdirectory: "vectors"),
            let data = try? Data(contentsOf: url), let file = try? JSONDecoder().decode(File.self, from: data)
        else { preconditionFailure("the vectors belong to the tests") }
        return file.cases
    }()

    @Test("there are vectors")
    func complete() {
        #expect(Self.vectors.count >= 39)
    }

    @Test("in order, reversed, and shuffled with repeats", arguments: vectors)
    func vector(_ vector: Vector) throws {
        let events = try vector.events.map { try event($0) }
        var random = SeededRandom(seed: 1)
        var deliveries = [events, events.reversed()]
        for _ in 0..<50 { deliveries.append((events + events.filter { _ in Bool.random(using: &random) }).shuffled(using: &random)) }
        for delivery in deliveries {
            let window = PaidWindow(folding: delivery)
            #expect(window.payEndTime.milliseconds == vector.payEndTime)
            #expect(window.runs.map { .init(start: $0.start.milliseconds, end: $0.end.milliseconds) } == vector.runs)
            for asOf in vector.asOf {
                let then = PaidWindow(folding: delivery.filter { $0.createTime.milliseconds <= asOf.at })
                #expect(then.payEndTime.milliseconds == asOf.payEndTime, "as of \(asOf.at)")
                #expect(then.entitled(at: Instant(milliseconds: asOf.at)) == asOf.entitled, "as of \(asOf.at)")
            }
        }
    }

    private func event(_ event: Vector.Event) throws -> PaymentEvent {
        PaymentEvent(
            kind: try #require(PaymentEvent.Kind(rawValue: event.type)), tradeNumber: try #require(TradeNumber(event.tradeNo)),
            payTradeNumber: event.payTradeNo.flatMap(TradeNumber.init), uid: try #require(UID("UID_vector")),
            createTime: Instant(milliseconds: event.createTime), addTime: TimeSpan(milliseconds: event.addTime),
            amount: Money(fen: event.amount),
            productID: .init(rawValue: 1))
    }
}
