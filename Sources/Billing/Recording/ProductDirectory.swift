import PGClient
import ProductCatalog

/// Finds the product that a message is about: by the hosted platform's numbers where the app has one there, by ours elsewhere.
///
/// Asked anew in each batch's own transaction, so that a product is known from the moment it is, on every server process.
struct ProductReference: Hashable, Sendable {
    let publisherID: Publisher.ID
    /// The app whose inbound key brought the message: it decides whose numbers they are. Elsewhere a pair is looked for under either.
    let inboundAppID: App.ID?
    let appID: Int64
    let productID: Int64
}

/// A product as recording needs it. All of it but the commission is immutable, and that moves once, at the review.
struct ResolvedProduct: Sendable {
    let productID: MessageProduct.ID
    let appID: App.ID
    let commissionBps: Int
    let resourceIDs: [Resource.ID]
}

private struct ResolvedRow: PGRowDecodable {
    let index: Int
    let product: ResolvedProduct

    init(row: PGRow) throws(PGError) {
        let (number, productID, appID, commission, resources): (Int, MessageProduct.ID, App.ID, Int, [Int64])
        (number, productID, appID, commission, resources) = try row.decode()
        index = number - 1
        product = ResolvedProduct(
            productID: productID, appID: appID, commissionBps: commission, resourceIDs: resources.map(Resource.ID.init(rawValue:)))
    }
}

extension ProductReference {
    /// The product of each reference that has one. A product counts only with an app that one of its resources belongs to.
    static func resolve(_ references: [ProductReference]) -> Query<[Int: ResolvedProduct]> {
        let rows: Query<[ResolvedRow]> = SQL(
            """
            select distinct on (k.n) k.n, p.id, a.id, coalesce(l.commission_bps, 0),
                   array(select b.resource_id from product_resource b where b.product_id = p.id order by b.position)
            from unnest(\(references.map(\.publisherID.rawValue)), \(references.map { $0.inboundAppID?.rawValue }), \(references.map(\.appID)),
                        \(references.map(\.productID))) with ordinality k(publisher_id, inbound_app_id, app_id, product_id, n)
            left join app i on i.id = k.inbound_app_id
            join app a on a.publisher_id = k.publisher_id
                and (a.external_id = k.app_id and (i.id is null or i.external_id is not null)
                     or a.id = k.app_id and (i.id is null or i.external_id is null))
            join product p on p.publisher_id = k.publisher_id
                and case when a.external_id = k.app_id and (i.id is null or i.external_id is not null)
                         then p.external_id = k.product_id
                         else p.id = k.product_id end
            left join product_listing l on l.product_id = p.id
            where exists (
                select from product_resource b
                join resource r on r.id = b.resource_id
                where b.product_id = p.id and coalesce(r.app_id, r.id) = a.id)
            order by k.n, a.external_id is not distinct from k.app_id desc
            """
        ).all()
        return rows.map { rows in Dictionary(rows.map { ($0.index, $0.product) }, uniquingKeysWith: { first, _ in first }) }
    }
}
