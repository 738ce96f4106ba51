import PGClient

extension App: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        (id, name, callbackURL, contact, followTip, description, externalID, createdAt) = try row.decode()
    }
}

extension App {
    static func insert(_ draft: Draft, of publisher: Publisher.ID, secrets: Secrets) -> Query<App> {
        SQL(
            """
            with made as (
                insert into resource (publisher_id, kind, name, description)
                values (\(publisher), 1, \(draft.name), \(draft.description))
                returning id, publisher_id, name, description, created_at
            ), app as (
                insert into app (id, publisher_id, external_id, callback_url, contact, follow_tip, webhook_secret, token_sha256, inbound_key_sha256)
                select id, publisher_id, \(draft.externalID), \(draft.callbackURL), \(draft.contact), \(draft.followTip),
                       \(secrets.webhookSecret.secret), \(secrets.appToken.digest), \(secrets.inboundKey.digest)
                from made
                returning id, external_id, callback_url, contact, follow_tip
            )
            select a.id, m.name, a.callback_url, a.contact, a.follow_tip, m.description, a.external_id, m.created_at
            from app a
            join made m on m.id = a.id
            """
        ).one()
    }

    /// Own apps, newest first, below the one that the last page ended with.
    public static func page(of publisher: Publisher.ID, below: ID?, limit: Int) -> Query<[App]> {
        SQL(
            """
            select a.id, r.name, a.callback_url, a.contact, a.follow_tip, r.description, a.external_id, r.created_at
            from app a
            join resource r on r.id = a.id
            where a.publisher_id = \(publisher) and a.id < coalesce(\(below), 9223372036854775807)
            order by a.id desc
            limit \(limit)
            """
        ).all()
    }

    public static func with(_ id: ID, of publisher: Publisher.ID) -> Query<App?> {
        SQL(
            """
            select a.id, r.name, a.callback_url, a.contact, a.follow_tip, r.description, a.external_id, r.created_at
            from app a
            join resource r on r.id = a.id
            where a.id = \(id) and a.publisher_id = \(publisher)
            """
        ).first()
    }

    /// The app, held until the end of the transaction so that two changes at once do not lose one.
    static func locked(_ id: ID, of publisher: Publisher.ID) -> Query<App?> {
        SQL(
            """
            select a.id, r.name, a.callback_url, a.contact, a.follow_tip, r.description, a.external_id, r.created_at
            from app a
            join resource r on r.id = a.id
            where a.id = \(id) and a.publisher_id = \(publisher)
            for update
            """
        ).first()
    }

    static func update(_ id: ID, of publisher: Publisher.ID, to draft: Draft) -> Query<Int> {
        SQL(
            """
            with named as (
                update resource set name = \(draft.name), description = \(draft.description)
                where id = \(id) and publisher_id = \(publisher)
            )
            update app
            set external_id = \(draft.externalID), callback_url = \(draft.callbackURL), contact = \(draft.contact), follow_tip = \(draft.followTip)
            where id = \(id) and publisher_id = \(publisher)
            """
        ).execute
    }

    /// Puts another token in place; the old one opens nothing from the commit on.
    static func replaceToken(of id: ID, of publisher: Publisher.ID, with token: TokenDigest) -> Query<Int> {
        SQL("update app set token_sha256 = \(token) where id = \(id) and publisher_id = \(publisher)").execute
    }

    /// Puts another inbound key in place; the old one opens nothing from the commit on.
    static func replaceInboundKey(of id: ID, of publisher: Publisher.ID, with key: TokenDigest) -> Query<Int> {
        SQL("update app set inbound_key_sha256 = \(key) where id = \(id) and publisher_id = \(publisher)").execute
    }
}
