import PGClient

/// A product's standing in the market: only named moves change it, and each is kept with who, when and why.
public enum Listing {
    public enum State: String, Sendable, CaseIterable {
        case pendingReview = "pending_review"
        case listed
        case rejected
        case delisted

        /// The states that a move may reach from here. The database holds the same table as a constraint.
        public var next: Set<State> {
            switch self {
            case .pendingReview: [.listed, .rejected]
            case .listed: [.delisted]
            case .delisted: [.listed]
            case .rejected: []
            }
        }
    }

    /// One step of a product's history.
    public struct Move: Sendable {
        public let number: Int
        public let from: State?
        public let to: State
        public let at: Instant
        public let actor: String
        public let reason: String?
        public let commissionBps: Int?
    }

    /// What the operator decided.
    public enum Review: Sendable {
        case approve(commissionBps: Int, reason: String?)
        case reject(reason: String?)
    }
}

extension Listing.Move: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        let (fromText, toText): (String?, String)
        (number, fromText, toText, at, actor, reason, commissionBps) = try row.decode()
        guard let to = Listing.State(rawValue: toText) else { throw PGError.decoding("listing_move.to_state") }
        from = fromText.flatMap(Listing.State.init(rawValue:))
        self.to = to
    }
}

extension Listing {
    public static func history(of product: MessageProduct.ID) -> Query<[Move]> {
        SQL(
            """
            select move_no, from_state, to_state, at, actor, reason, commission_bps
            from listing_move
            where product_id = \(product)
            order by move_no
            """
        ).all()
    }

    /// Appends a move behind the last one: 1, or 0 when another move came first. The constraint refuses one that is not allowed.
    static func append(_ last: Move, to state: State, of product: MessageProduct.ID, commissionBps: Int?, actor: String, reason: String?)
        -> Query<Int>
    {
        SQL(
            """
            insert into listing_move (product_id, move_no, from_state, to_state, commission_bps, actor, reason)
            values (\(product), \(last.number + 1), \(last.to.rawValue), \(state.rawValue), \(commissionBps), \(actor), \(reason))
            on conflict do nothing
            """
        ).execute
    }

    static func last(of product: MessageProduct.ID) -> Query<Move?> {
        SQL(
            """
            select move_no, from_state, to_state, at, actor, reason, commission_bps
            from listing_move
            where product_id = \(product)
            order by move_no desc
            limit 1
            """
        ).first()
    }
}
