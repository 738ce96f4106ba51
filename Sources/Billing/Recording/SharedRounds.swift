import Synchronization

/// Work that many ask for at once and that needs to be done once for all of them: one round at a time for each key, and who asks during a round shares
/// the next one. (Not the one at work: that may have looked already at what he has changed.)
final class SharedRounds<Key: Hashable & Sendable>: Sendable {
    private enum Turn {
        /// To do the round, for these too.
        case lead(for: [Waiter])
        case done
    }

    private struct Waiter {
        let continuation: UnsafeContinuation<Turn, Never>
    }

    /// Of each key for which a round is at work: who waits for the next one.
    private let waiting = Mutex<[Key: [Waiter]]>([:])

    /// How many wait for the next round of a key.
    func waiters(for key: Key) -> Int { waiting.withLock { $0[key]?.count ?? 0 } }

    /// Returns after a round that began when, or after, this was called.
    func run(_ key: Key, _ round: () async -> Void) async {
        guard case .lead(let others) = await turn(key) else { return }
        await round()
        for other in others { other.continuation.resume(returning: .done) }
        let next = waiting.withLock { waiting in
            let next = waiting[key] ?? []
            waiting[key] = next.isEmpty ? nil : []
            return next
        }
        next.first?.continuation.resume(returning: .lead(for: Array(next.dropFirst())))
    }

    private func turn(_ key: Key) async -> Turn {
        await withUnsafeContinuation { continuation in
            let isFirst = waiting.withLock { waiting in
                guard waiting[key] != nil else {
                    waiting[key] = []
                    return true
                }
                waiting[key]?.append(Waiter(continuation: continuation))
                return false
            }
            if isFirst { continuation.resume(returning: .lead(for: [])) }
        }
    }
}
