import PGClient

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
        // Clamped, what is out of the column's range is still out of the constraint's.
        SQL(
            """
            insert into listing_move (product_id, move_no, from_state, to_state, commission_bps, actor, reason)
            values (\(product), \(Int32(clamping: last.number + 1)), \(last.to.rawValue), \(state.rawValue),
                    \(commissionBps.map(Int32.init(clamping:))), \(actor), \(reason))
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
