import PGClient
import ProductCatalog
import Synchronization

/// What products bundled when they were last looked up, by the references that messages have to them: a guess, to be held against the database each time.
final class BundleMemory: Sendable {
    private let bundles = Mutex<[ProductReference: [Resource.ID]]>([:])

    /// References remembered, some 200 bytes each; past that the memory starts anew.
    private static let limit = 10_000

    /// What each bundled, in their order; nil for one that is not remembered.
    func bundles(of references: [ProductReference]) -> [[Resource.ID]?] {
        bundles.withLock { bundles in references.map { bundles[$0] } }
    }

    /// - Parameter found: what each bundles, nil for one that is not known any more.
    func remember(_ found: [[Resource.ID]?], of references: [ProductReference]) {
        bundles.withLock { bundles in
            for (reference, bundle) in zip(references, found) {
                if bundles.count >= Self.limit { bundles.removeAll() }
                bundles[reference] = bundle
            }
        }
    }
}
