import PGClient

/// The public catalog: what is listed, newest first; of products that replace one another the newest that is listed.
public enum Market {
    public struct Entry: Sendable {
        public let product: MessageProduct
        public let publisherName: String
        public let listedAt: Instant
        public let resources: [Resource]
    }

    /// The words of a search, each of which must stand somewhere in name, summary or description, in any case of letters.
    ///
    /// At most 8 words are looked at: each one is a condition of its own.
    public struct Search: Sendable {
        let patterns: [String]

        public init(_ text: String) {
            patterns = text.split(whereSeparator: \.isWhitespace).prefix(8).map { word in
                let escaped = word.replacing("\\", with: "\\\\").replacing("%", with: "\\%").replacing("_", with: "\\_")
                return "%\(escaped)%"
            }
        }
    }
}

extension Market {
    /// The listed products that match, newest first, below the one that the last page ended with.
    static func page(_ search: Search?, below: MessageProduct.ID?, limit: Int) -> Query<[(MessageProduct.ID, String, Instant)]> {
        SQL(
            """
            select p.id, u.name, l.at
            from product p
            join product_listing l on l.product_id = p.id and l.state = 'listed'
            join publisher u on u.id = p.publisher_id
            where p.id < coalesce(\(below), 9223372036854775807)
              and (p.name || ' ' || p.summary || ' ' || p.description) ilike all (\(search?.patterns ?? []))
              and not exists (
                  select from product newer
                  join product_listing n on n.product_id = newer.id and n.state = 'listed'
                  where newer.lineage_id = p.lineage_id and newer.id > p.id)
            order by p.id desc
            limit \(limit)
            """
        ).values((MessageProduct.ID, String, Instant).self)
    }

    static func listed(_ id: MessageProduct.ID) -> Query<[(MessageProduct.ID, String, Instant)]> {
        SQL(
            """
            select p.id, u.name, l.at
            from product p
            join product_listing l on l.product_id = p.id and l.state = 'listed'
            join publisher u on u.id = p.publisher_id
            where p.id = \(id)
            """
        ).values((MessageProduct.ID, String, Instant).self)
    }
}

extension PGSession {
    /// A page of the market.
    public func market(_ search: Market.Search?, below: MessageProduct.ID?, limit: Int) async throws(PGError) -> [Market.Entry] {
        try await entries(try await run(Market.page(search, below: below, limit: limit)))
    }

    /// A listed product, also one that a newer product replaces: links to it stay good while it can be bought.
    public func market(_ id: MessageProduct.ID) async throws(PGError) -> Market.Entry? {
        try await entries(try await run(Market.listed(id))).first
    }

    private func entries(_ rows: [(MessageProduct.ID, String, Instant)]) async throws(PGError) -> [Market.Entry] {
        let products = try await runAll(rows.map { MessageProduct.with($0.0) })
        let resources = try await runAll(rows.map { Resource.bundled(in: $0.0) })
        return zip(zip(rows, products), resources).compactMap { row, resources in
            row.1.map { Market.Entry(product: $0, publisherName: row.0.1, listedAt: row.0.2, resources: resources) }
        }
    }
}
