import PGClient

extension MessageProduct: PGRowDecodable {
    /// Price plans travel as arrays beside the product, so that a page of products is one statement.
    public init(row: PGRow) throws(PGError) {
        let state: String
        let resources: [Int64]
        let (planIDs, planNames, planAmounts, planTimes): ([Int64], [String], [Int64], [Int64])
        (
            id, publisherID, contentHash, name, summary, description, contact, replaces, externalID, createdAt, state, commissionBps,
            resources,
            planIDs, planNames, planAmounts, planTimes
        ) = try row.decode()
        guard let listing = Listing.State(rawValue: state) else { throw PGError.decoding("listing state") }
        self.listing = listing
        resourceIDs = resources.map(Resource.ID.init(rawValue:))
        pricePlans = planIDs.indices.map { index in
            PricePlan(
                id: .init(rawValue: planIDs[index]), name: planNames[index], amount: Money(fen: planAmounts[index]),
                addTime: TimeSpan(milliseconds: planTimes[index]))
        }
    }
}

extension MessageProduct {
    /// The columns that `init(row:)` reads, of product p and its listing l.
    static let columns: SQL = """
        p.id, p.publisher_id, p.content_hash, p.name, p.summary, p.description, p.contact, p.replaces, p.external_id, p.created_at,
        l.state, l.commission_bps,
        array(select b.resource_id from product_resource b where b.product_id = p.id order by b.position),
        array(select s.id from price_plan s where s.product_id = p.id order by s.position),
        array(select s.name from price_plan s where s.product_id = p.id order by s.position),
        array(select s.amount from price_plan s where s.product_id = p.id order by s.position),
        array(select s.add_time from price_plan s where s.product_id = p.id order by s.position)
        """

    /// The place, from 0, of the first resource that is not the publisher's.
    static func firstForeign(among resources: [Resource.ID], of publisher: Publisher.ID) -> Query<Int?> {
        SQL(
            """
            select (min(t.n) - 1)::int
            from unnest(\(resources)) with ordinality t(id, n)
            where not exists (select from resource r where r.id = t.id and r.publisher_id = \(publisher))
            """
        ).value()
    }

    static func create(_ draft: Draft, hash: ContentHash, of publisher: Publisher.ID) -> Query<ID> {
        SQL(
            """
            select create_product(
                \(publisher), \(draft.name), \(draft.summary), \(draft.description), \(draft.contact), \(draft.replaces), \(draft.externalID), \(hash),
                \(draft.resourceIDs.map(\.rawValue)), \(draft.pricePlans.map(\.name)), \(draft.pricePlans.map(\.amount.fen)),
                \(draft.pricePlans.map(\.addTime.milliseconds)))
            """
        ).value()
    }

    public static func with(_ id: ID) -> Query<MessageProduct?> {
        SQL("select \(columns) from product p join product_listing l on l.product_id = p.id where p.id = \(id)").first()
    }

    public static func with(_ id: ID, of publisher: Publisher.ID) -> Query<MessageProduct?> {
        SQL(
            """
            select \(columns)
            from product p
            join product_listing l on l.product_id = p.id
            where p.id = \(id) and p.publisher_id = \(publisher)
            """
        ).first()
    }

    /// Products, newest first, below the one that the last page ended with: of one publisher or of all, in one listing state or in any.
    public static func page(of publisher: Publisher.ID?, in state: Listing.State?, below: ID?, limit: Int) -> Query<[MessageProduct]> {
        SQL(
            """
            select \(columns)
            from product p
            join product_listing l on l.product_id = p.id
            where p.id < coalesce(\(below), 9223372036854775807)
              and (\(publisher)::bigint is null or p.publisher_id = \(publisher))
              and (\(state?.rawValue)::text is null or l.state = \(state?.rawValue))
            order by p.id desc
            limit \(limit)
            """
        ).all()
    }
}
