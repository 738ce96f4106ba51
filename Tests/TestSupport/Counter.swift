import NIOConcurrencyHelpers

/// Counts what happens in several tasks.
public final class Counter: Sendable {
    private let count = NIOLockedValueBox(0)

    public init() {}

    public var value: Int { count.withLockedValue { $0 } }

    public func increment() {
        count.withLockedValue { $0 += 1 }
    }
}
