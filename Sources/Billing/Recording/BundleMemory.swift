import PGClient
import ProductCatalog
import Synchronization

/// What products bundled when they were last looked up, by the references that messages have to them: a guess, to be held against the database each time.
final class BundleMemory: Sendable {
    private let bundles = Mutex<[ProductReference: [Resource.ID]]>([:])

    /// References remembered, some 200 bytes each; past that the memory starts anew.
    private static let limit = 10_000

    subscript(_ reference: ProductReference) -> [Resource.ID]? {
        get { bundles.withLock { $0[reference] } }
        set {
            bundles.withLock { bundles in
                if bundles.count >= Self.limit { bundles.removeAll() }
                bundles[reference] = newValue
            }
        }
    }
}
