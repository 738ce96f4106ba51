import DequeModule
import NIOConcurrencyHelpers

/// How many requests of a costly kind may be answered at once. Each holds something for as long as its caller takes, so they must leave some to those
/// who ask short questions.
final class Places: Sendable {
    private typealias Turn = AsyncStream<Place>.Continuation

    private struct State {
        var free: Int
        var line: Deque<(ticket: UInt64, turn: Turn)> = []
        var nextTicket: UInt64 = 0
    }

    private let state: NIOLockedValueBox<State>

    init(_ count: Int) {
        state = NIOLockedValueBox(State(free: count))
    }

    /// A place among them, given up when it is let go of: to who waits the longest, if anybody does.
    final class Place: Sendable {
        private let places: Places

        fileprivate init(_ places: Places) {
            self.places = places
        }

        deinit { places.passOn() }
    }

    /// How many stand in line.
    var waiting: Int { state.withLockedValue { $0.line.count } }

    /// - Throws: `RequestError.notReady` when all are taken.
    func take(for what: String) throws(RequestError) -> Place {
        guard takeFree(orEnter: nil) == nil else { throw Self.full(what) }
        return Place(self)
    }

    /// Waits in line for a place, where all are taken.
    ///
    /// - Throws: `RequestError.notReady` when all stay taken for as long as `patience`; `CancellationError`.
    func take(for what: String, within patience: Duration) async throws -> Place {
        let (stream, turn) = AsyncStream.makeStream(of: Place.self)
        guard let ticket = takeFree(orEnter: turn) else { return Place(self) }
        let place = await withTaskGroup { group in
            group.addTask {
                // Cancelled where the turn has come.
                do { try await Task.sleep(for: patience) } catch { return }
                turn.finish()
            }
            defer { group.cancelAll() }
            // Cancellation of the task ends the stream. What came into it behind the end is let go of with it, and passed on.
            return await stream.first { _ in true }
        }
        guard let place else {
            leave(ticket)
            try Task.checkCancellation()
            throw Self.full(what)
        }
        return place
    }

    private static func full(_ what: String) -> RequestError {
        .notReady("As many \(what) as may be are being answered at this moment.")
    }

    /// - Returns: nil where one was free: it is taken. Otherwise the number of who may wait in line.
    private func takeFree(orEnter turn: Turn?) -> UInt64? {
        state.withLockedValue { state in
            guard state.free == 0 else {
                state.free -= 1
                return nil
            }
            state.nextTicket += 1
            if let turn { state.line.append((state.nextTicket, turn)) }
            return state.nextTicket
        }
    }

    private func leave(_ ticket: UInt64) {
        state.withLockedValue { state in state.line.removeAll { $0.ticket == ticket } }
    }

    private func passOn() {
        let next = state.withLockedValue { state in
            let next = state.line.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        // Who has left the line since lets go of it, which passes it on again.
        next?.turn.yield(Place(self))
    }
}
