import NIOConcurrencyHelpers

/// Rooms for so many tests at once: all tests of a process begin together, and those of a slow machine would starve one another.
final class Lodging: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: NIOLockedValueBox<State>

    init(rooms: Int) {
        state = NIOLockedValueBox(State(free: rooms))
    }

    /// Runs the body once there is a room for it.
    func lodge<R>(_ body: () async throws -> R) async throws -> R {
        await withCheckedContinuation { continuation in
            let isFree = state.withLockedValue { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
        defer {
            let next = state.withLockedValue { state in
                guard state.waiting.isEmpty else { return Optional(state.waiting.removeFirst()) }
                state.free += 1
                return nil
            }
            next?.resume()
        }
        return try await body()
    }
}
