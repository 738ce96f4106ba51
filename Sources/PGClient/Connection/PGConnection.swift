import CLibPQ
import Foundation
import Logging

/// One connection to the server, on a thread of its own. Its owner lends it to one user at a time.
actor PGConnection {
    nonisolated let thread: ConnectionThread
    nonisolated let wake = WakeSignal()
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    nonisolated let number: Int
    /// Of the server's process that serves this connection; 0 before there is one.
    var backendPID: Int32 = 0
    var handle: OpaquePointer?
    var statements: StatementCache
    var received: [Notification] = []
    /// The transaction that it is lent to.
    var lent: Lent?
    /// How often it was lent.
    var loans: UInt64 = 0
    /// Set when the connection must not be used again: lost, or its next answer may belong to what was cancelled.
    var broken = false
    /// Whether cancelling the caller's task stops what runs. Not while a transaction is being ended.
    var heedsCancellation = true
    /// How long the server lets a statement run in this session; nil for as long as it takes.
    var sessionLimit: Duration?
    /// The same in the transaction that it is lent to.
    var statementLimit: Duration?
    /// How long the server may stay silent beyond its own limit before it is given up: it hangs then, or cannot be reached any more.
    var grace: Duration = .seconds(5)
    /// How long it may stay silent whatever its limits are: while connecting, and when an idle connection is tried.
    var bound: Duration?
    /// How long it may stay silent now; nil for as long as it likes.
    var patience: Duration?
    let logger: Logger

    init(number: Int, statementCacheSize: Int, logger: Logger) {
        self.number = number
        self.logger = logger
        statements = StatementCache(limit: statementCacheSize)
        thread = ConnectionThread(label: "pg-\(number)")
    }

    isolated deinit {
        // Only reached without `close()` when the connection was given up; nobody else holds the handle any more.
        if let handle { PQfinish(handle) }
        thread.stop()
    }

    /// Ends the connection; it cannot be used afterwards.
    func close() {
        broken = true
        if let handle { PQfinish(handle) }
        handle = nil
    }

    /// libpq's own words on what is wrong, as an error of kind connection.
    func failure(_ fallback: String, outcome: PGError.Outcome = .notApplied) -> PGError {
        let message = handle.map { String(cString: PQerrorMessage($0)).trimmedLine } ?? ""
        return PGError(.connection, message.isEmpty ? fallback : message, outcome: outcome)
    }

    /// Whether nothing has come over an idle connection that says it is gone; looks, does not wait.
    func isAlive() -> Bool {
        guard !broken, let handle, PQstatus(handle) == CONNECTION_OK, PQtransactionStatus(handle) == PQTRANS_IDLE else { return false }
        // A server that ends a session says so before it closes: its words are read first, and only the next read finds the end.
        while true {
            var polled = pollfd(fd: PQsocket(handle), events: Int16(POLLIN), revents: 0)
            let count = poll(&polled, 1, 0)
            if count == 0 { return true }
            if count < 0 && errno == EINTR { continue }
            guard count == 1, PQconsumeInput(handle) == 1, PQstatus(handle) == CONNECTION_OK else { return false }
            drainNotifications()
        }
    }

    /// Whether the connection is between transactions and fit for the next user.
    func isClean() -> Bool {
        guard !broken, let handle else { return false }
        return PQstatus(handle) == CONNECTION_OK && PQtransactionStatus(handle) == PQTRANS_IDLE
            && PQpipelineStatus(handle) == PQ_PIPELINE_OFF
    }

    func drainNotifications() {
        while let note = PQnotifies(handle) {
            received.append(
                Notification(
                    channel: String(cString: note.pointee.relname), payload: String(cString: note.pointee.extra),
                    processID: note.pointee.be_pid))
            PQfreemem(note)
        }
    }
}

/// What another session said with NOTIFY.
public struct Notification: Sendable, Equatable {
    public let channel: String
    public let payload: String
    /// Of the session that notified.
    public let processID: Int32
}
