import ProductCatalog
import Synchronization

/// The tokens of the questions of one look-up, each once.
struct DistinctTokens {
    private(set) var all: [TokenDigest] = []
    private var places: [TokenDigest: Int] = [:]

    mutating func place(of token: TokenDigest?) -> Int? {
        guard let token else { return nil }
        // One publisher's server asks many questions at once.
        if let last = all.last, last == token { return all.count - 1 }
        if let place = places[token] { return place }
        places[token] = all.count
        all.append(token)
        return all.count - 1
    }
}

/// Whose tokens are that have been looked up before. Who held one may have lost it since, but nobody else gets it.
final class KnownOwners: Sendable {
    private let known = Mutex<[TokenDigest: Principal]>([:])

    /// Tokens remembered: more than a market has of those that ask all day. Past that the memory starts anew.
    private static let limit = 50_000

    /// Whose these are, in their order; nil when some are not known.
    func of(_ tokens: [TokenDigest]) -> [Principal]? {
        known.withLock { known in
            var owners: [Principal] = []
            owners.reserveCapacity(tokens.count)
            for token in tokens {
                guard let owner = known[token] else { return nil }
                owners.append(owner)
            }
            return owners
        }
    }

    func add(_ found: [TokenDigest: Principal]) {
        known.withLock { known in
            if known.count + found.count > Self.limit { known.removeAll() }
            known.merge(found) { $1 }
        }
    }
}
