import CLibPQ
import Foundation

extension PGConnection {
    /// Subscribes to a channel, by its name as it is.
    func listen(to channel: String) throws(PGError) {
        let quoted = "\"" + channel.replacing("\"", with: "\"\"") + "\""
        try script("listen \(quoted)")
    }

    /// Waits until something was said, or the connection is lost. What was said besides stays for who asks next, who may wait behind us already.
    ///
    /// Silence has no limit here, for it is what a channel mostly says. A server that cannot be reached any more is found by TCP within half a minute
    /// (`ConnectionString`), over a Unix socket at once.
    func nextNotification() throws(PGError) -> Notification {
        guard handle != nil, !broken else { throw PGError(.connection, "the connection is closed") }
        drainNotifications()
        while received.isEmpty {
            do throws(PGError) {
                try wait(.reading, until: nil, cancellable: true)
            } catch  where error.kind == .cancelled {
                // Nothing runs that would have to be stopped: the connection can go on listening.
                throw PGError(.cancelled, error.message)
            }
            guard PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else { throw failure("the connection was lost") }
            drainNotifications()
        }
        return received.removeFirst()
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
            patience = patience(for: 1)
            return .success(try step(self))
        } catch {
            // Nothing is committed by a step.
            return .failure(settle(error, Frame(inTransaction: true)))
        }
    }
}
