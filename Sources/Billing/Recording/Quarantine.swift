import Crypto
import PGClient
import ProductCatalog

/// A message that was kept and not applied.
public struct QuarantinedMessage: Sendable {
    public typealias ID = Identifier<QuarantinedMessage>

    public enum State: String, Sendable, CaseIterable {
        /// A person, or the product that is missing, can still apply it.
        case open
        case applied
        case dismissed
        /// Kept for the record alone.
        case ignored
    }

    public let id: ID
    public let publisherID: Publisher.ID
    public let appID: App.ID?
    public let source: RecordedEvent.Source
    public let reason: QuarantineReason
    public let state: State
    public let detail: String
    public let tradeNumber: String?
    public let body: [UInt8]
    public let receivedAt: Instant
    public let resolvedAt: Instant?
    public let resolution: String?
}

extension QuarantinedMessage: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        let (sourceNumber, reasonText, stateText, bytes): (Int16, String, String, Bytea)
        (
            id, publisherID, appID, sourceNumber, reasonText, stateText, detail, tradeNumber, bytes, receivedAt, resolvedAt, resolution
        ) = try row.decode()
        guard let source = RecordedEvent.Source(rawValue: sourceNumber), let reason = QuarantineReason(rawValue: reasonText),
            let state = State(rawValue: stateText)
        else { throw .decoding("quarantine.source, reason or state") }
        (self.source, self.reason, self.state) = (source, reason, state)
        body = bytes.bytes
    }

    static let columns: SQL =
        "q.id, q.publisher_id, q.app_id, q.source, q.reason, q.state, q.detail, q.trade_no, q.body, q.received_at, q.resolved_at, q.resolution"
}

/// What is to be kept.
struct Keepsake: Sendable {
    let publisherID: Publisher.ID
    let appID: App.ID?
    let source: RecordedEvent.Source
    let reason: QuarantineReason
    let detail: String
    let tradeNumber: String?
    let body: [UInt8]

    init(
        publisher: Publisher.ID, app: App.ID?, source: RecordedEvent.Source, reason: QuarantineReason, detail: String,
        tradeNumber: String? = nil,
        body: [UInt8]
    ) {
        publisherID = publisher
        appID = app
        self.source = source
        self.reason = reason
        // Room enough to say what is wrong; a hostile sender's text is not stored twice.
        self.detail = String(detail.unicodeScalars.prefix(500).filter { $0.value != 0 }.map(Character.init))
        self.tradeNumber = tradeNumber.map { String($0.unicodeScalars.prefix(64).filter { $0.value != 0 }.map(Character.init)) }
        self.body = body
    }
}

extension QuarantinedMessage {
    /// Keeps a message once: the same one again is answered with the number it has.
    ///
    /// It is looked up in two parts, with an app and without one, because no index serves `is not distinct from`.
    static func keep(_ kept: Keepsake) -> Query<ID> {
        SQL(
            """
            with sent as materialized (
                select body, sha256(body) as digest from (values (\(Bytea(kept.body))::bytea)) as v (body)
            ), known as (
                select id from quarantine
                where publisher_id = \(kept.publisherID) and source = \(kept.source.rawValue) and app_id = \(kept.appID)
                  and reason = \(kept.reason.rawValue) and body_sha256 = (select digest from sent)
                union all
                select id from quarantine
                where publisher_id = \(kept.publisherID) and source = \(kept.source.rawValue) and app_id is null and \(kept.appID)::bigint is null
                  and reason = \(kept.reason.rawValue) and body_sha256 = (select digest from sent)
            ), kept as (
                insert into quarantine (publisher_id, app_id, source, reason, state, detail, trade_no, body, body_sha256)
                select \(kept.publisherID), \(kept.appID), \(kept.source.rawValue), \(kept.reason.rawValue),
                       \(kept.reason == .unknownAction ? "ignored" : "open"), \(kept.detail), \(kept.tradeNumber), sent.body, sent.digest
                from sent
                where not exists (select from known)
                on conflict on constraint quarantine_kept_once do update set state = quarantine.state
                returning id
            )
            select id from known
            union all
            select id from kept
            """
        ).value()
    }

    /// A publisher's messages, newest first, below the one that the last page ended with.
    public static func page(
        of publisher: Publisher.ID, in state: State?, for reason: QuarantineReason?, below: ID?, limit: Int
    ) -> Query<[QuarantinedMessage]> {
        SQL(
            """
            select \(columns)
            from quarantine q
            where q.publisher_id = \(publisher)
              and q.id < coalesce(\(below), 9223372036854775807)
              and (\(state?.rawValue)::text is null or q.state = \(state?.rawValue))
              and (\(reason?.rawValue)::text is null or q.reason = \(reason?.rawValue))
            order by q.id desc
            limit \(limit)
            """
        ).all()
    }

    public static func with(_ id: ID, of publisher: Publisher.ID) -> Query<QuarantinedMessage?> {
        SQL("select \(columns) from quarantine q where q.id = \(id) and q.publisher_id = \(publisher)").first()
    }

    /// Messages that wait for their product, oldest first.
    static func waiting(of publisher: Publisher.ID?, after: ID?, limit: Int) -> Query<[QuarantinedMessage]> {
        SQL(
            """
            select \(columns)
            from quarantine q
            where q.state = 'open' and q.reason = 'unknown_product'
              and q.id > coalesce(\(after), 0)
              and (\(publisher)::bigint is null or q.publisher_id = \(publisher))
            order by q.id
            limit \(limit)
            """
        ).all()
    }

    /// How a message is closed.
    struct Resolution: Sendable {
        let id: ID
        let state: State
        let words: String
        /// The message that stands for it from now on: it is closed only if that is open.
        var insteadOf: ID?
        /// Whether it says what has been done, whoever dismissed the message meanwhile.
        var isDone = false
    }

    /// Closes messages that are open; the states of those closed: none of one where somebody else was faster.
    static func resolve(_ resolutions: [Resolution]) -> Query<[State]> {
        let rows: Query<[String]> = SQL(
            """
            update quarantine q
            set state = r.state, resolved_at = now_ms(), resolution = r.words
            from unnest(\(resolutions.map(\.id)), \(resolutions.map(\.state.rawValue)), \(resolutions.map(\.words)), \(resolutions.map(\.insteadOf)),
                        \(resolutions.map(\.isDone))) as r (id, state, words, instead_of, is_done)
            where q.id = r.id
              and (q.state = 'open' or q.state = 'dismissed' and r.is_done)
              and (r.instead_of is null or exists (select from quarantine o where o.id = r.instead_of and o.state = 'open'))
            returning q.state
            """
        ).values(String.self)
        return rows.map { $0.compactMap(State.init(rawValue:)) }
    }
}
