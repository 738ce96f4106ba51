import Billing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PGClient
import ProductCatalog

/// Payment events of a publisher: the backfill in, the feed out.
struct PaymentEventRoutes: Sendable {
    let database: PGClient
    let recorder: EventRecorder
    let mailroom: Mailroom
    let places: Places

    /// Backfills at once, and chunks of each that are under way: together they keep 10,000 events waiting at most, which a callback is recorded behind
    /// within a second; of the longest lines that is 22,000 kilobytes, which leave callbacks half of the queue (`EventRecorder.maxQueued`).
    static let mostBackfills = 4
    private static let chunksUnderWay = 5
    /// What one more waits for one of those to end, its body unread: a short one is done in much less, and who sends several at once is not sent away.
    static let patience: Duration = .seconds(5)

    /// `POST /v1/payment-events`: streamed both ways; each line is answered once it is durable.
    func backfill(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        try request.requireMediaType("application/x-ndjson")
        let backfill = Backfill(recorder, mailroom: mailroom, publisher: publisher, source: .backfill, chunksUnderWay: Self.chunksUnderWay)
        let place = try await places.take(for: "backfills", within: Self.patience)
        let body = request.body
        let logger = context.logger
        return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson"],
            body: ResponseBody { writer in
                // Given back when the answer is done with, sent or not.
                defer { withExtendedLifetime(place) {} }
                do {
                    try await computingBesideTheLoop {
                        try await backfill.run(BodyChunks(body: body), format: .ndjson) { answers in
                            var text = ""
                            for answer in answers { text += Self.line(answer) }
                            try await writer.write(ByteBuffer(string: text))
                        }
                    }
                } catch {
                    // The status is long sent: breaking the connection off is what tells the sender that lines without an answer are not recorded.
                    logger.warning("a backfill broke off", metadata: ["error": "\(error)"])
                    throw error
                }
                try await writer.finish(nil)
            })
    }

    private static func line(_ answer: Backfill.Answer) -> String {
        let trade = answer.tradeNumber.map { ",\"tradeNo\":\(JSONText.string($0))" } ?? ""
        switch answer.outcome {
        case .recorded: return "{\"line\":\(answer.line),\"status\":\"recorded\"\(trade)}\n"
        case .duplicate: return "{\"line\":\(answer.line),\"status\":\"duplicate\"\(trade)}\n"
        case .quarantined(.conflict, _, let id): return "{\"line\":\(answer.line),\"status\":\"conflict\"\(trade),\"quarantineId\":\(id)}\n"
        case .quarantined(_, let detail, let id):
            return "{\"line\":\(answer.line),\"status\":\"invalid\",\"reason\":\(JSONText.string(detail))\(trade),\"quarantineId\":\(id)}\n"
        }
    }

    /// `GET /v1/events`
    func events(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let query = QueryParameters(request)
        let limit = Int(try query.integer("limit", in: 1...1_000) ?? 100)
        var position: EventPosition?
        if let cursor = try query.text("after") {
            guard let read = EventPosition(cursor: cursor) else {
                throw RequestError.malformedParameter("after", "not a cursor of this feed")
            }
            position = read
        }
        let events = try await database.run(EventFeed.page(of: publisher, after: position, limit: limit + 1), of: publisher)
        let shown = events.prefix(limit)
        return try .json(
            EventPage(data: shown.map(EventItem.init), nextCursor: events.count > limit ? shown.last?.position.cursor : nil))
    }
}

private struct EventPage: Encodable {
    let data: [EventItem]
    @Nullable var nextCursor: String?
}

private struct EventItem: Encodable, Sendable {
    private struct Record: Encodable, Sendable {
        let cursor: String
        let uid: String
        let appId: Int64
        let commissionBps: Int
        let source: String
    }

    private let payment: PaymentBody
    private let record: Record

    init(_ recorded: RecordedEvent) {
        payment = PaymentBody(recorded.event, recordedAt: recorded.recordedAt)
        record = Record(
            cursor: recorded.position.cursor, uid: recorded.event.uid.text, appId: recorded.appID.rawValue,
            commissionBps: recorded.commissionBps, source: recorded.source.name)
    }

    func encode(to encoder: any Encoder) throws {
        try payment.encode(to: encoder)
        try record.encode(to: encoder)
    }
}

/// A request's body as chunks of bytes.
private struct BodyChunks: AsyncSequence, Sendable {
    let body: RequestBody

    struct Iterator: AsyncIteratorProtocol {
        var buffers: RequestBody.AsyncIterator

        mutating func next() async throws -> ByteBufferView? {
            try await buffers.next()?.readableBytesView
        }
    }

    func makeAsyncIterator() -> Iterator {
        Iterator(buffers: body.makeAsyncIterator())
    }
}
