import Foundation
import Synchronization

/// Why a run of faults cannot go on; what a fault did wrong is a `Verdict`.
struct ChaosError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

enum Waiting {
    /// Waits until something outside this process is so: there is nobody to tell us, so it is asked again and again.
    static func until(_ what: String, within limit: Duration = .seconds(60), _ isSo: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + limit
        while try await !isSo() {
            guard ContinuousClock.now < deadline else { throw ChaosError("\(what): not within \(limit)") }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Runs what blocks on a thread of its own, so that the senders go on.
    static func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
        }
    }
}

/// A value that many tasks change.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) {
        self.value = Mutex(value)
    }

    func withLock<R: Sendable>(_ body: (inout Value) -> R) -> R {
        value.withLock { body(&$0) }
    }
}
