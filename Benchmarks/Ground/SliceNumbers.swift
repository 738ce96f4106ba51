import Synchronization

/// A number for each slice of load, which no other slice of this run has: trade numbers and times are made of it, and random numbers begin with it.
/// With the same seed each time, our side would ask and pay for the same subscribers again and again, which pgbench does not.
final class SliceNumbers: Sendable {
    private let last = Atomic(0)

    func next() -> Int { last.add(1, ordering: .relaxed).newValue }
}
