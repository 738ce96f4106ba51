import PGClient

/// Something about a database, or about the role that logs in, for which "acknowledged is durable" or "history is never rewritten" does not hold.
struct DatabaseHazard: Sendable, Equatable {
    /// What is unsafe, as half a sentence.
    let what: String
    let remedy: String
}

extension DatabaseHazard {
    /// All that is unsafe about the database that a client works on; none is how it should be.
    ///
    /// The role is judged by what it can become: a session may take on any role that its login role is a member of, whichever it has now.
    ///
    /// - Throws: `PGError` from the database.
    static func found(by client: PGClient) async throws(PGError) -> [DatabaseHazard] {
        let (settings, powers) = try await client.run(settingsOff, powersOfRole)
        // A superuser owns everything and may do anything: one line says it.
        if let superuser = powers.first(where: \.isSuperuser) { return settings + [superuser.hazard] }
        let (owners, writers) = try await client.run(ownersOfHistory, writersOfHistory)
        return settings + powers.map(\.hazard) + owners + writers
    }

    private static let separateRole = "let the server log in as a role of its own that is granted market_server and nothing else"

    /// Settings without which a commit may be lost after it was answered, as the client's own sessions have them.
    static let settingsOff: Query<[DatabaseHazard]> = SQL(
        """
        select name
        from pg_settings
        where name in ('fsync', 'full_page_writes', 'synchronous_commit') and setting = 'off'
        order by name
        """
    ).values(String.self).map { names in
        names.map { DatabaseHazard(what: "\($0) is off: a power cut can lose what was committed", remedy: "turn on \($0)") }
    }

    struct Power: Sendable {
        let isSuperuser: Bool
        let hazard: DatabaseHazard
    }

    /// What roles may do by their attributes, and by membership in PostgreSQL's own roles that reach its files.
    static let powersOfRole: Query<[Power]> = SQL(
        """
        select r.rolname::text, p.is_superuser, p.what
        from pg_roles r
        cross join lateral (values
            (r.rolsuper, true, 'is a superuser'),
            (r.rolbypassrls and not r.rolsuper, false, 'bypasses row level security'),
            (r.rolcreaterole and not r.rolsuper, false, 'may make itself a member of other roles (createrole)'),
            (r.rolname in ('pg_write_server_files', 'pg_execute_server_program'), false, 'reaches the files of the database')
        ) p (applies, is_superuser, what)
        where p.applies
          and case when (select s.rolsuper from pg_roles s where s.rolname = session_user)
                   then r.rolname = session_user
                   else pg_has_role(session_user, r.oid, 'member')
              end
        order by r.rolname, p.what
        """
    ).values((String, Bool, String).self).map { rows in
        rows.map { role, isSuperuser, what in
            Power(isSuperuser: isSuperuser, hazard: DatabaseHazard(what: "the role \(role) \(what)", remedy: separateRole))
        }
    }

    /// The tables that are only ever added to, and the columns of them that are meant to move.
    private static let history: SQL = """
        (values
            ('payment_event', array[]::text[]), ('product', '{}'), ('product_resource', '{}'), ('price_plan', '{}'), ('listing_move', '{}'),
            ('quarantine', '{resolved_at,state,resolution}')
        ) h (name, moving)
        """

    /// Owners of the tables, and of their schema, who can drop them.
    static let ownersOfHistory: Query<[DatabaseHazard]> = SQL(
        """
        select pg_get_userbyid(o.owner)::text, string_agg(o.thing, ', ' order by o.thing)
        from (
            select c.relowner, h.name from \(history) join pg_class c on c.oid = to_regclass(h.name)
            union
            select n.nspowner, 'the schema ' || n.nspname
            from \(history)
            join pg_class c on c.oid = to_regclass(h.name)
            join pg_namespace n on n.oid = c.relnamespace
        ) o (owner, thing)
        where pg_has_role(session_user, o.owner, 'member')
        group by o.owner
        order by 1
        """
    ).values((String, String).self).map { rows in
        rows.map { DatabaseHazard(what: "the role \($0) owns \($1)", remedy: separateRole) }
    }

    /// Roles that are granted what rewrites history; a trigger can change it on its way in.
    static let writersOfHistory: Query<[DatabaseHazard]> = SQL(
        """
        select r.rolname::text, string_agg(h.name, ', ' order by h.name)
        from pg_roles r
        cross join \(history)
        join pg_class c on c.oid = to_regclass(h.name)
        where pg_has_role(session_user, r.oid, 'member') and not r.rolsuper and not pg_has_role(r.oid, c.relowner, 'member')
          and (has_table_privilege(r.oid, c.oid, 'delete, truncate, trigger')
               or exists (select
                          from pg_attribute a
                          where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attname <> all (h.moving)
                            and has_column_privilege(r.oid, c.oid, a.attnum, 'update')))
        group by r.rolname
        order by 1
        """
    ).values((String, String).self).map { rows in
        rows.map { role, tables in
            DatabaseHazard(
                what: "the role \(role) may rewrite \(tables)",
                remedy: "revoke update, delete, truncate, trigger on \(tables) from \(role), or \(separateRole)")
        }
    }
}

/// The server does not start on a database that is not safe, unless it is told to.
struct UnsafeDatabase: Error, CustomStringConvertible {
    let hazards: [DatabaseHazard]

    var description: String {
        "the database is not safe for money: \(hazards.map { "\($0.what) (\($0.remedy))" }.joined(separator: "; ")). "
            + "--allow-unsafe-database, or MARKET_ALLOW_UNSAFE_DATABASE=1, serves all the same"
    }
}
