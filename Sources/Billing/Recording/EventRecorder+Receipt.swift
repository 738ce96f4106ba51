import Synchronization

extension EventRecorder {
    /// For one who waits once.
    final class Receipt: Sendable {
        private enum State {
            case open
            case awaited(UnsafeContinuation<Result<[RecordOutcome], any Error>, Never>)
            case arrived(Result<[RecordOutcome], any Error>)
        }

        private let state = Mutex(State.open)

        var outcomes: [RecordOutcome] {
            get async throws {
                try await withUnsafeContinuation { continuation in
                    let result: Result<[RecordOutcome], any Error>? = state.withLock { state in
                        if case .arrived(let result) = state { return result }
                        state = .awaited(continuation)
                        return nil
                    }
                    if let result { continuation.resume(returning: result) }
                }.get()
            }
        }

        func arrive(_ result: Result<[RecordOutcome], any Error>) {
            let waiting: UnsafeContinuation<Result<[RecordOutcome], any Error>, Never>? = state.withLock { state in
                defer { state = .arrived(result) }
                if case .awaited(let continuation) = state { return continuation }
                return nil
            }
            waiting?.resume(returning: result)
        }
    }
}
