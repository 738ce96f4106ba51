import PGClient
import ServiceLifecycle

/// Finds out who a token belongs to.
///
/// Every request asks the database, so a token that was revoked stops at once on every server process. Requests that arrive together ask in one
/// statement, so a busy server asks little more often than a quiet one.
public final class Authenticator: Service {
    /// One statement asks for so many tokens at most.
    private static let maxBatch = 500
    /// So many requests may wait to be known; more are refused at once.
    private static let maxQueued = 20_000
    /// Tokens that we make have 47 characters at most, and one from the configuration no more than this.
    private static let longestToken = 512

    private let operatorToken: TokenDigest?
    private let lookUps: PGBatcher<TokenDigest, Principal?>

    /// - Parameter operatorToken: digest of the token that runs the market; nil when there is none.
    public init(database: PGClient, operatorToken: TokenDigest?) {
        self.operatorToken = operatorToken
        lookUps = PGBatcher(label: "authenticator", maxBatch: Self.maxBatch, maxQueued: Self.maxQueued, workers: 2) { digests in
            do {
                let owners = try await database.run(Principal.owners(of: digests))
                return digests.map { .success(owners[$0]) }
            } catch {
                return digests.map { _ in .failure(error) }
            }
        }
    }

    /// Who sent this token; nil when it is unknown or revoked.
    ///
    /// - Throws: `PGError` when the database cannot be asked.
    public func principal(bearer: String) async throws -> Principal? {
        switch claim(of: bearer) {
        case .nobody: nil
        case .operatorToken: .operatorToken
        case .digest(let digest): try await lookUps.submit(digest)
        }
    }

    /// What can be said of a token without the database.
    public enum Claim: Sendable {
        case nobody
        case operatorToken
        /// A publisher key or an app token, if it is one: `Principal.owners(of:)` knows.
        case digest(TokenDigest)
    }

    /// For those who ask about the token and something else in one round trip.
    public func claim(of bearer: String) -> Claim {
        Self.digest(of: bearer).map(claim) ?? .nobody
    }

    /// The digest of a token; nil for one that is longer than any.
    public static func digest(of bearer: String) -> TokenDigest? {
        bearer.utf8.count <= longestToken ? TokenDigest(of: bearer) : nil
    }

    /// The same of a token whose digest is known.
    public func claim(of digest: TokenDigest) -> Claim {
        // Digests are compared in constant time, and tell nothing about the token in any time.
        if let operatorToken, operatorToken == digest { return .operatorToken }
        return .digest(digest)
    }

    public func run() async throws {
        try await lookUps.run()
    }
}

extension Principal {
    /// Whose these tokens are; one that is unknown or revoked is not among the keys. Each is looked up once, however often it is given.
    public static func owners(of digests: [TokenDigest]) -> Query<[TokenDigest: Principal]> {
        let digests = Array(Set(digests))
        let rows: Query<[TokenOwner]> = SQL(
            """
            select t.n, k.publisher_id, k.id, k.scopes, null::bigint
            from unnest(\(digests)) with ordinality t(digest, n)
            join publisher_key k on k.token_sha256 = t.digest and k.revoked_at is null
            union all
            select t.n, a.publisher_id, null, null, a.id
            from unnest(\(digests)) with ordinality t(digest, n)
            join app a on a.token_sha256 = t.digest
            """
        ).all()
        return rows.map { rows in Dictionary(rows.map { (digests[$0.index], $0.principal) }, uniquingKeysWith: { first, _ in first }) }
    }

    /// Which of these tokens still belong to somebody, by their places from 1 on: an expression of SQL, for a statement that asks something else as well.
    ///
    /// What a token opens never changes, only whether it does: who knows whose it was need not read that again. No list of all tokens is ever made, however
    /// few there were when the statement was planned.
    public static func held(_ digests: [TokenDigest]) -> SQL {
        """
        array(
            select t.n from unnest(\(digests)) with ordinality t(digest, n)
            where coalesce(
                (select true from publisher_key k where k.token_sha256 = t.digest and k.revoked_at is null),
                (select true from app a where a.token_sha256 = t.digest),
                false)
        )
        """
    }
}

/// One token of a look-up that belongs to somebody.
private struct TokenOwner: PGRowDecodable {
    let index: Int
    let principal: Principal

    init(row: PGRow) throws(PGError) {
        let (position, publisher, key, scopes, app): (Int, Publisher.ID, PublisherKey.ID?, [String]?, App.ID?) = try row.decode()
        index = position - 1
        switch (key, app) {
        case (let key?, nil):
            principal = .publisher(publisher, scopes: Set((scopes ?? []).compactMap(PublisherKey.Scope.init(rawValue:))), key: key)
        case (nil, let app?):
            principal = .app(app, publisher: publisher)
        default: throw PGError.decoding("a token belongs to a key or to an app")
        }
    }
}
