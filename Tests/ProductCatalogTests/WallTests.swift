import PGClient
import ProductCatalog
import Testing

/// What the database itself refuses, whatever the server asks of it.
@Suite("The database's own walls around the catalog")
struct WallTests {
    @Test("neither the server nor a publisher can change a product, add to it or take it away")
    func immutable() async throws {
        try await CatalogFixture.with { fixture in
            let (publisher, app, product) = try await fixture.seller("Tides")
            let id = product.id
            let attempts: [SQL] = [
                "update product set name = 'x' where id = \(id)",
                "update product set content_hash = content_hash where id = \(id)",
                "update product set replaces = null where id = \(id)",
                "delete from product where id = \(id)",
                "update product_resource set resource_id = \(app) where product_id = \(id)",
                "insert into product_resource (product_id, resource_id, publisher_id, position) values (\(id), \(app), \(publisher), 2)",
                "delete from product_resource where product_id = \(id)",
                "update price_plan set amount = 1 where product_id = \(id)",
                "insert into price_plan (product_id, position, name, amount, add_time) values (\(id), 2, 'x', 1, 1)",
                "delete from price_plan where product_id = \(id)",
                """
                insert into product (publisher_id, lineage_id, content_hash, name, summary, description, contact)
                select publisher_id, lineage_id, content_hash, name, summary, description, contact from product where id = \(id)
                """,
                "truncate product cascade",
                "alter table product disable row level security",
            ]
            for attempt in attempts {
                for who in [nil, publisher] {
                    #expect(await fixture.attempt(attempt, of: who)?.sqlState == .insufficientPrivilege, "\(attempt.text)")
                }
            }
            let (kept, hash) = (try await fixture.catalog.product(id, of: nil).product, try ContentHash(recomputedOf: product))
            #expect(kept.contentHash == hash && kept.pricePlans.count == 1 && kept.resourceIDs == [.init(rawValue: app.rawValue)])
        }
    }

    @Test("the listing's history is only ever added to, one allowed step at a time")
    func stateMachine() async throws {
        try await CatalogFixture.with { fixture in
            let id = try await fixture.seller("Tides").product.id
            for attempt: SQL in [
                "update listing_move set to_state = 'listed' where product_id = \(id)", "delete from listing_move where product_id = \(id)",
            ] {
                #expect(await fixture.attempt(attempt)?.sqlState == .insufficientPrivilege)
            }
            func move(_ number: Int, _ from: String?, _ to: String, commission: Int? = nil) async -> String? {
                let insert = SQL(
                    """
                    insert into listing_move (product_id, move_no, from_state, to_state, commission_bps, actor)
                    values (\(id), \(number), \(from), \(to), \(commission), 'sql')
                    """)
                return await fixture.attempt(insert)?.constraint
            }
            #expect(await move(2, "pending_review", "delisted") == "listing_move_allowed")
            #expect(await move(2, "listed", "delisted") == "listing_move_starts_where_the_last_ended")
            #expect(await move(3, "pending_review", "listed", commission: 1) == "listing_move_starts_where_the_last_ended")
            #expect(await move(2, nil, "pending_review") == "listing_move_first_has_no_start")
            #expect(await move(1, nil, "pending_review") == "listing_move_pkey")
            #expect(await move(2, "pending_review", "listed") == "listing_move_approval_sets_commission")
            #expect(await move(2, "pending_review", "rejected", commission: 1) == "listing_move_approval_sets_commission")
            #expect(await move(2, "pending_review", "listed", commission: 10_001) == "listing_move_commission_range")
            #expect(await move(2, "pending_review", "rejected") == nil)
            #expect(await move(3, "rejected", "listed") == "listing_move_allowed")
        }
    }

    @Test("inside a publisher's walls no table shows or takes another publisher's rows")
    func rowLevelSecurity() async throws {
        try await CatalogFixture.with { fixture in
            let (mine, _, _) = try await fixture.seller("Tides")
            let (theirs, app, product) = try await fixture.seller("Moons")
            let seen = try await fixture.client.transaction(of: mine) { transaction in
                try await transaction.runAll([
                    SQL("select count(*) from publisher where id = \(theirs)").value(Int.self),
                    SQL("select count(*) from publisher_key where publisher_id = \(theirs)").value(Int.self),
                    SQL("select count(*) from resource where publisher_id = \(theirs)").value(Int.self),
                    SQL("select count(*) from app where publisher_id = \(theirs)").value(Int.self),
                    SQL("select count(*) from product where publisher_id = \(theirs)").value(Int.self),
                    SQL("select count(*) from product_resource where publisher_id = \(theirs)").value(Int.self),
                    SQL("select count(*) from price_plan where product_id = \(product.id)").value(Int.self),
                    SQL("select count(*) from listing_move where product_id = \(product.id)").value(Int.self),
                    SQL("select count(*) from product_listing where product_id = \(product.id)").value(Int.self),
                ])
            }
            #expect(seen.allSatisfy { $0 == 0 }, "\(seen)")
            #expect(try await fixture.client.run(SQL("select count(*) from publisher").value(Int.self), of: mine) == 1)

            let writes: [SQL] = [
                "insert into resource (publisher_id, kind, name) values (\(theirs), 1, 'x')",
                "insert into publisher_key (publisher_id, name, scopes, token_sha256) values (\(theirs), 'x', array['read'], 'x')",
                "insert into listing_move (product_id, move_no, from_state, to_state, actor) values (\(product.id), 2, 'pending_review', 'rejected', 'x')",
                "select create_product(\(theirs), 'n', 's', 'd', 'c', null, null, decode(repeat('00', 32), 'hex'), array[\(app)], array['p'], array[1::bigint], array[1::bigint])",
            ]
            for write in writes {
                #expect(await fixture.attempt(write, of: mine)?.sqlState == .insufficientPrivilege, "\(write.text)")
            }
            let touched = try await fixture.client.run(
                SQL("update app set callback_url = 'https://evil.example' where id = \(app)").execute, of: mine)
            #expect(touched == 0)
            // A product of mine with a resource of theirs: the foreign key, not the policy, is what stands in the way.
            let mixed: SQL =
                "select create_product(\(mine), 'n', 's', 'd', 'c', null, null, decode(repeat('00', 32), 'hex'), array[\(app)], array['p'], array[1::bigint], array[1::bigint])"
            #expect(await fixture.attempt(mixed, of: mine)?.constraint == "product_resource_own")
            // Outside any walls no publisher is named, so no product can be made at all.
            #expect(await fixture.attempt(mixed)?.sqlState == .insufficientPrivilege)
        }
    }

    @Test("what a transaction of one publisher set does not outlive it")
    func rolesEnd() async throws {
        try await CatalogFixture.with { fixture in
            let (mine, _, _) = try await fixture.seller("Tides")
            _ = try await fixture.seller("Moons")
            for _ in 0..<20 {
                _ = try await fixture.client.run(SQL("select 1").value(Int.self), of: mine)
                let (role, setting) = try await fixture.client.run(
                    SQL("select current_user::text").value(String.self),
                    SQL("select coalesce(current_setting('market.publisher', true), '')").value(String.self))
                #expect(role == "market_server" && setting.isEmpty)
            }
            #expect(try await fixture.catalog.publishers(below: nil, limit: 10).count == 2)
        }
    }
}
