import PGClient

extension Resource: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        let number: Int16
        (id, number, publisherID, appID, name) = try row.decode()
        guard let kind = Kind(rawValue: number) else { throw PGError.decoding("resource.kind") }
        self.kind = kind
    }

    /// A resource of whichever publisher.
    public static func with(_ id: ID) -> Query<Resource?> {
        SQL("select id, kind, publisher_id, coalesce(app_id, id), name from resource where id = \(id)").first()
    }

    /// The resources that a product bundles, in the product's order.
    public static func bundled(in product: MessageProduct.ID) -> Query<[Resource]> {
        SQL(
            """
            select r.id, r.kind, r.publisher_id, coalesce(r.app_id, r.id), r.name
            from product_resource b
            join resource r on r.id = b.resource_id
            where b.product_id = \(product)
            order by b.position
            """
        ).all()
    }
}
