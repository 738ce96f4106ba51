import Foundation
import PGClient

/// Two callers who would keep a server that waits for its callers: one reads an audience and stops reading, one has a backfill open and sends no more.
struct Lingering: Sendable {
    private let reader: RawRequest
    private let uploader: RawRequest
    private let answers: Shared<Answered>

    private struct Answered {
        var body = ChunkedBody()
        var answers: Backfill.Answers
    }

    /// Subscribers of an audience that fits into no buffer on its way (the system's are up to 4 MB): of some 100 bytes each.
    private static let subscribers = 80_000
    /// Some chunks of five hundred, and some more that wait for the rest of theirs.
    private static let sent = 2_100

    /// Makes the audience, with a payment for each, as the owner.
    static func makeAudience(on stage: Stage) async throws {
        let market = stage.market
        try await stage.owning { client in
            _ = try await client.run(
                SQL(
                    """
                    insert into payment_event (
                        type, trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps, source,
                        ordinal, commit_position, recorded_at)
                    select 1, 'AUDIENCE-' || n, rpad('AUDIENCE_' || n || '_', 64, 'x'), 1600000000000, 0, 86400000, 50, \(market.productIds[1]),
                           \(market.appId), \(market.publisherId), 1000, 1, n, commit_position(), 1600000000000
                    from generate_series(1, \(subscribers)) as n
                    """
                ).execute,
                SQL(
                    """
                    insert into paid_window (resource_id, uid, pay_end_time, last_event_time, plain_since, payments, unmatched)
                    select \(market.topicId), uid, create_time + add_time, create_time, create_time, 1, 0
                    from payment_event
                    where trade_no like 'AUDIENCE-%'
                    """
                ).execute)
        }
    }

    /// Both are under way when this returns: the audience has begun, and the first lines are answered.
    init(_ journal: Journal, on stage: Stage) async throws {
        let lines = journal.next(Self.sent, by: .backfill)
        let (market, port) = (stage.market, stage.port)
        let answers = Shared(Answered(answers: .init(to: lines)))
        (reader, uploader) = try await Waiting.blocking {
            let reader = try RawRequest(port: port, room: 4_096)
            try reader.begin("GET", "/v1/resources/\(market.topicId)/audience?mode=all", token: market.apiKey)
            guard let head = reader.read(), String(decoding: head, as: UTF8.self).hasPrefix("HTTP/1.1 200") else {
                throw ChaosError("the audience did not begin")
            }
            let uploader = try RawRequest(port: port)
            try uploader.begin(
                "POST", "/v1/payment-events", token: market.apiKey,
                headers: ["Content-Type: application/x-ndjson", "Transfer-Encoding: chunked"])
            try uploader.write(chunk: lines.map { $0.body + "\n" }.joined())
            while answers.withLock({ $0.answers.count }) == 0 {
                guard let bytes = uploader.read() else { throw ChaosError("the open backfill ended before it was answered") }
                try Self.take(bytes, answers, journal)
            }
            return (reader, uploader)
        }
        self.answers = answers
    }

    /// Reads what the backfill was answered until its connection ended: each line is an acknowledgement.
    func settle(_ journal: Journal) async throws {
        let (uploader, answers) = (uploader, answers)
        try await Waiting.blocking {
            while let bytes = uploader.read() { try Self.take(bytes, answers, journal) }
        }
    }

    private static func take(_ bytes: [UInt8], _ answers: Shared<Answered>, _ journal: Journal) throws {
        let wrong = answers.withLock { state in
            state.answers.take(state.body.take(bytes)) { journal.note($1, to: $0, sentAt: .now) }
        }
        if let wrong { throw ChaosError("the open backfill: \(wrong)") }
    }
}

/// The body of an answer that comes in chunks (RFC 9112, 7.1), taken out of the bytes of its connection.
struct ChunkedBody: Sendable {
    private var rest: [UInt8] = []
    private var isInBody = false

    /// - Returns: what of the body is complete with these bytes.
    mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        rest += bytes
        if !isInBody {
            guard let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else { return [] }
            rest.removeFirst(end.upperBound)
            isInBody = true
        }
        var body: [UInt8] = []
        while let line = rest.firstRange(of: Array("\r\n".utf8)),
            let length = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16),
            rest.count >= line.upperBound + length + 2
        {
            body += rest[line.upperBound..<line.upperBound + length]
            rest.removeFirst(line.upperBound + length + 2)
        }
        return body
    }
}
