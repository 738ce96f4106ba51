import PGClient
import ProductCatalog

/// A product as recording needs it. All of it but the commission is immutable, and that moves once, at the review.
struct ResolvedProduct: Sendable {
    let productID: MessageProduct.ID
    let appID: App.ID
    let commissionBps: Int
    let resourceIDs: [Resource.ID]
}

/// The sender of a message, and its product once that is known: found by the hosted platform's numbers where the app has one there, by ours elsewhere.
///
/// Asked anew in each batch's own transaction, so that a product is known from the moment it is, on every server process, and a key that was
/// replaced is of no use from that moment.
struct Resolution: Sendable {
    let index: Int
    let publisherID: Publisher.ID
    /// The app whose inbound key brought the message: it decides whose numbers they are. Elsewhere a pair is looked for under either.
    let inboundAppID: App.ID?
    let product: ResolvedProduct?
}

extension Resolution: PGRowDecodable {
    init(row: PGRow) throws(PGError) {
        let (number, commission): (Int, Int)
        let (productID, appID): (MessageProduct.ID?, App.ID?)
        let resources: [Int64]
        (number, publisherID, inboundAppID, productID, appID, commission, resources) = try row.decode()
        index = number - 1
        if let productID, let appID {
            product = ResolvedProduct(
                productID: productID, appID: appID, commissionBps: commission, resourceIDs: resources.map(Resource.ID.init(rawValue:)))
        } else {
            product = nil
        }
    }

    /// The resolution of each reference in their order, nil where the sender is not known. A product counts only with an app that one of its resources belongs to.
    static func of(_ references: [ProductReference]) -> Query<[Resolution?]> {
        let rows: Query<[Resolution]> = SQL(
            """
            select k.n, i.publisher_id, i.app_id, f.product_id, f.app_id, coalesce(l.commission_bps, 0),
                   array(select b.resource_id from product_resource b where b.product_id = f.product_id order by b.position)
            from unnest(\(references.map { $0.publisher }), \(references.map { $0.inboundApp }), \(references.map { $0.inboundKey }),
                        \(references.map { $0.appID }), \(references.map { $0.productID }))
                with ordinality k (publisher_id, inbound_app_id, inbound_key, app_id, product_id, n)
            left join app s on s.id = k.inbound_app_id
            left join app t on t.inbound_key_sha256 = k.inbound_key
            cross join lateral (
                select coalesce(k.publisher_id, t.publisher_id), coalesce(s.id, t.id), coalesce(s.external_id, t.external_id)
            ) as i (publisher_id, app_id, external_id)
            left join lateral (
                select p.id, a.id
                from app a
                join product p on p.publisher_id = i.publisher_id
                    and case when a.external_id = k.app_id and (i.app_id is null or i.external_id is not null)
                             then p.external_id = k.product_id
                             else p.id = k.product_id end
                where a.publisher_id = i.publisher_id
                  and (a.external_id = k.app_id and (i.app_id is null or i.external_id is not null)
                       or a.id = k.app_id and (i.app_id is null or i.external_id is null))
                  and exists (
                      select from product_resource b
                      join resource r on r.id = b.resource_id
                      where b.product_id = p.id and coalesce(r.app_id, r.id) = a.id)
                order by a.external_id is not distinct from k.app_id desc
                limit 1
            ) as f (product_id, app_id) on true
            left join product_listing l on l.product_id = f.product_id
            where i.publisher_id is not null
            """
        ).all()
        return rows.map { rows in
            var resolutions = [Resolution?](repeating: nil, count: references.count)
            for row in rows { resolutions[row.index] = row }
            return resolutions
        }
    }
}
