import PGClient

/// A named, revocable key of a publisher with the scopes that it opens.
public struct PublisherKey: Sendable {
    public typealias ID = Identifier<PublisherKey>

    public enum Scope: String, Sendable, CaseIterable {
        case read
        case write
    }

    public let id: ID
    public let name: String
    public let scopes: Set<Scope>
    public let createdAt: Instant
    public let revokedAt: Instant?

    public struct Draft: Sendable {
        public let name: String
        public let scopes: Set<Scope>

        /// - Throws: `InvalidFields` when the name is out of bounds or no scope is given.
        public init(name: String, scopes: Set<Scope>) throws(InvalidFields) {
            var check = FieldCheck()
            check.text(name, "/name", length: 1...100)
            check.require(!scopes.isEmpty, "/scopes", "at least one of read, write")
            try check.finish()
            self.name = name
            self.scopes = scopes
        }

        /// The key that a publisher is born with.
        static let first = Draft(unchecked: "first key", scopes: [.read, .write])

        private init(unchecked name: String, scopes: Set<Scope>) {
            self.name = name
            self.scopes = scopes
        }
    }
}

extension PublisherKey: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        let names: [String]
        (id, name, names, createdAt, revokedAt) = try row.decode()
        scopes = Set(names.compactMap(Scope.init(rawValue:)))
    }
}

extension PublisherKey {
    static func insert(_ draft: Draft, of publisher: Publisher.ID, token: TokenDigest) -> Query<PublisherKey> {
        SQL(
            """
            insert into publisher_key (publisher_id, name, scopes, token_sha256)
            values (\(publisher), \(draft.name), \(draft.scopes.map(\.rawValue).sorted()), \(token))
            returning id, name, scopes, created_at, revoked_at
            """
        ).one()
    }

    /// The keys that are valid now, newest first, below the one that the last page ended with.
    public static func page(of publisher: Publisher.ID, below: ID?, limit: Int) -> Query<[PublisherKey]> {
        SQL(
            """
            select id, name, scopes, created_at, revoked_at
            from publisher_key
            where publisher_id = \(publisher) and revoked_at is null and id < coalesce(\(below), 9223372036854775807)
            order by id desc
            limit \(limit)
            """
        ).all()
    }

    /// The keys that are valid now, held until the end of the transaction, so that of two revocations at once the second sees the first.
    static func locked(of publisher: Publisher.ID) -> Query<[PublisherKey]> {
        SQL(
            """
            select id, name, scopes, created_at, revoked_at
            from publisher_key
            where publisher_id = \(publisher) and revoked_at is null
            order by id
            for update
            """
        ).all()
    }

    /// Revokes the key from this moment on; the number of keys that were there to be revoked.
    public static func revoke(_ id: ID, of publisher: Publisher.ID) -> Query<Int> {
        SQL(
            """
            update publisher_key set revoked_at = now_ms()
            where id = \(id) and publisher_id = \(publisher) and revoked_at is null
            """
        ).execute
    }
}
