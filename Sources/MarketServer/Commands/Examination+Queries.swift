import PGClient

/// What the doctor asks the database.
extension Examination {
    static let connection: Query<String> = SQL("select current_database()::text || ' as ' || session_user::text").value()

    static let serverVersion: Query<Int> = SQL("select current_setting('server_version_num')::int").value()

    static let mayServe: Query<Bool> = SQL(
        """
        select coalesce(bool_or(pg_has_role(session_user, r.oid, 'member')), false)
        from pg_roles r
        where r.rolname = 'market_server'
        """
    ).value()

    static let letterType: Query<String> = SQL("select datctype::text from pg_database where datname = current_database()").value()

    /// Needs the extension pg_trgm.
    static let chineseTrigrams: Query<Int> = SQL("select cardinality(show_trgm('潮汐表'))").value()

    /// The database's clock, in milliseconds since 1970.
    static let databaseClock: Query<Int64> = SQL("select (extract(epoch from clock_timestamp()) * 1000)::bigint").value()
}
