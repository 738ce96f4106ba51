import PGClient

extension Publisher {
    static func insert(_ draft: Draft) -> Query<Publisher> {
        SQL(
            """
            insert into publisher (name, email)
            values (\(draft.name), \(draft.email))
            returning id, name, email, created_at
            """
        ).one()
    }

    public static func with(_ id: ID) -> Query<Publisher?> {
        SQL("select id, name, email, created_at from publisher where id = \(id)").first()
    }

    /// Publishers, newest first, below the one that the last page ended with.
    public static func page(below: ID?, limit: Int) -> Query<[Publisher]> {
        SQL(
            """
            select id, name, email, created_at
            from publisher
            where id < coalesce(\(below), 9223372036854775807)
            order by id desc
            limit \(limit)
            """
        ).all()
    }
}
