import CLibPQ
import Foundation

extension PGConnection {
    /// Subscribes to a channel, by its name as it is.
    func listen(to channel: String) throws(PGError) {
        let quoted = "\"" + channel.replacing("\"", with: "\"\"") + "\""
        try script("listen \(quoted)")
    }

    /// Waits until something was said, or the connection is lost.
    ///
    /// Silence has no limit here, for it is what a channel mostly says. A server that cannot be reached any more is found by TCP within half a minute
    /// (`ConnectionString`), over a Unix socket at once.
    func waitForNotifications() throws(PGError) -> [Notification] {
        drainNotifications()
        while received.isEmpty {
            try wait(.reading, until: nil, cancellable: true)
            guard PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else { throw failure("the connection was lost") }
            drainNotifications()
        }
        defer { received = [] }
        return received
    }

    /// Whether a COPY is under way.
    var isCopying: Bool { handle.map { PQtransactionStatus($0) == PQTRANS_ACTIVE } ?? false }

    var isOpen: Bool { !broken && handle != nil }

    /// Runs one step on the connection, inside the transaction that has the loan or beside any; cancelling the task ends it, and the connection with it. A
    /// lost connection is closed.
    nonisolated func cancellable<T: Sendable>(
        in loan: Loan? = nil, _ step: @Sendable (isolated PGConnection) throws(PGError) -> T
    ) async throws(PGError) -> T {
        let result = await withTaskCancellationHandler {
            await attempt(loan, step)
        } onCancel: {
            wake.signal()
        }
        return try result.get()
    }

    private func attempt<T: Sendable>(_ loan: Loan?, _ step: @Sendable (isolated PGConnection) throws(PGError) -> T) -> Result<T, PGError> {
        do throws(PGError) {
            if Task.isCancelled { throw PGError(.cancelled, "the task was cancelled") }
            if let loan { try begin(loan) }
            return .success(try step(self))
        } catch {
            // Nothing is committed by a step.
            return .failure(settle(error, Frame(inTransaction: true)))
        }
    }
}
