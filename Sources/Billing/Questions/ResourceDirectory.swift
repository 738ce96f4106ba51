import PGClient
import ProductCatalog
import Synchronization

/// Says whose a resource is. That never changes, so what was found once need not be asked again.
public final class ResourceDirectory: Sendable {
    private let database: PGClient
    private let known = Mutex<[Resource.ID: Resource]>([:])

    /// Resources remembered, some 100 bytes each; past that the memory starts anew.
    private static let limit = 100_000

    public init(_ database: PGClient) {
        self.database = database
    }

    /// The resource, where it has been found before.
    public func remembered(_ id: Resource.ID) -> Resource? { known.withLock { $0[id] } }

    /// The resource, nil when there is none.
    public func resource(_ id: Resource.ID) async throws -> Resource? {
        if let resource = remembered(id) { return resource }
        guard let resource = try await database.run(Resource.with(id)) else { return nil }
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll() }
            known[id] = resource
        }
        return resource
    }

    /// The resource, if the caller may ask about it: its publisher, or the token of its app.
    ///
    /// - Throws: `CatalogError.notFound` when it is not there or somebody else's: the two are not told apart.
    @discardableResult
    public func requireAccess(to id: Resource.ID, for principal: Principal?) async throws -> Resource {
        guard let resource = try await resource(id), Self.mayAsk(principal, about: resource) else {
            throw CatalogError.notFound("resource")
        }
        return resource
    }

    /// Its publisher may ask about a resource, and the token of its app.
    public static func mayAsk(_ principal: Principal?, about resource: Resource) -> Bool {
        switch principal {
        case .publisher(let publisher, _, _): publisher == resource.publisherID
        case .app(let app, _): app == resource.appID
        case .operatorToken, nil: false
        }
    }
}
