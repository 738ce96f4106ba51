import PGClient
import ProductCatalog

/// A payment event as it was recorded, with all that was pinned at that moment.
public struct RecordedEvent: Sendable {
    /// The channel that brought it.
    public enum Source: Int16, Sendable, CaseIterable {
        /// A callback of the hosted platform.
        case inbound = 1
        /// The publisher's own NDJSON.
        case backfill = 2
        /// The command line.
        case `import` = 3
        /// The payment provider.
        case provider = 4
        /// A row of the provider's statement.
        case statement = 5

        /// As the wire names it.
        public var name: String {
            switch self {
            case .inbound: "inbound"
            case .backfill: "backfill"
            case .import: "import"
            case .provider: "provider"
            case .statement: "statement"
            }
        }
    }

    public let event: PaymentEvent
    public let appID: App.ID
    public let source: Source
    /// Basis points that the platform keeps, as the product's review had set them by then.
    public let commissionBps: Int
    /// When we recorded it: the second clock.
    public let recordedAt: Instant
    /// Where it stands in commit order.
    public let position: EventPosition
}

/// A place in commit order: transactions by the order in which they can be seen, events of one transaction by number.
public struct EventPosition: Sendable, Hashable {
    let commit: Int64
    let ordinal: Int

    static let start = EventPosition(commit: -1, ordinal: 0)
}

extension RecordedEvent: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        let (kind, source, ordinal): (Int16, Int16, Int)
        let (tradeNumber, payTradeNumber, uid): (TradeNumber, TradeNumber?, UID)
        let (createTime, addTime, amount, productID): (Instant, TimeSpan, Money, MessageProduct.ID)
        let commit: Int64
        (
            kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID, appID, source, commissionBps, recordedAt,
            commit, ordinal
        ) = try row.decode()
        guard let source = Source(rawValue: source) else { throw .decoding("payment_event.source") }
        self.source = source
        event = try PaymentEvent((kind, tradeNumber, payTradeNumber, uid, createTime, addTime, amount, productID))
        position = EventPosition(commit: commit, ordinal: ordinal)
    }

    /// The columns that `init(row:)` reads, of payment_event e.
    static let columns: SQL = """
        \(PaymentEvent.columns), e.app_id, e.source, e.commission_bps, e.recorded_at, e.commit_position, e.ordinal
        """
}
