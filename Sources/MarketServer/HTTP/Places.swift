import Synchronization

/// How many requests of a costly kind may be answered at once. Each holds something for as long as its caller takes, so they must leave some to those
/// who ask short questions.
final class Places: Sendable {
    private let free: Atomic<Int>

    init(_ count: Int) {
        free = Atomic(count)
    }

    /// A place among them, given up when it is let go of.
    final class Place: Sendable {
        private let places: Places

        fileprivate init(_ places: Places) {
            self.places = places
        }

        deinit { places.free.add(1, ordering: .relaxed) }
    }

    /// - Throws: `RequestError.notReady` when all are taken.
    func take(for what: String) throws(RequestError) -> Place {
        if free.subtract(1, ordering: .relaxed).newValue >= 0 { return Place(self) }
        free.add(1, ordering: .relaxed)
        throw .notReady("As many \(what) as may be are being answered at this moment.")
    }
}
