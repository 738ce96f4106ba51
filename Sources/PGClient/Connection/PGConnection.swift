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
    private(set) var backendPID: Int32 = 0
    var handle: OpaquePointer?
    var statements: StatementCache
    var received: [Notification] = []
    /// A prepare that was planned and goes out with the next pipeline.
    var pendingPrepare: (key: StatementCache.Key, name: String, dropping: String?)?
    /// Names given within the pipeline that is being written.
    var preparedNow: [StatementCache.Key: String] = [:]
    /// The transaction that it is lent to.
    var lent: Lent?
    /// How often it was lent.
    var loans: UInt64 = 0
    /// Set when the connection must not be used again: lost, or its next answer may belong to what was cancelled.
    var broken = false
    /// Whether cancelling the caller's task stops what runs. Not while a transaction is being ended.
    var heedsCancellation = true
    /// How long the server may stay silent before it is given up; nil for as long as it likes. Longer than the server's own limits: it is for one
    /// that hangs or cannot be reached any more.
    var patience: Duration?
    let logger: Logger

    init(number: Int, statementCacheSize: Int, logger: Logger) {
        self.number = number
        self.logger = logger
        statements = StatementCache(limit: statementCacheSize)
        thread = ConnectionThread(label: "pg-\(number)")
    }

    isolated deinit {
        // Only reached without `close()` when connecting was given up; nobody else holds the handle any more.
        if let handle { PQfinish(handle) }
        thread.stop()
    }

    /// Connects, within `timeout`, and applies the session settings.
    ///
    /// Settings that the string's own `options` make are left as they are; `role` is not, because it takes rights away.
    func connect(
        _ conninfo: String, settings: [(name: String, value: String)], timeout: Duration, patience: Duration? = nil
    ) throws(PGError) {
        guard let new = PQconnectStart(conninfo) else { throw PGError(.connection, "no memory for a connection") }
        handle = new
        // libpq writes notices to stderr by itself otherwise.
        PQsetNoticeReceiver(new, { _, _ in }, nil)
        do throws(PGError) {
            try finishConnecting(until: .now + timeout)
            guard PQsetnonblocking(new, 1) == 0 else { throw failure("the connection cannot be made non-blocking") }
            backendPID = PQbackendPID(new)
            let options = PQoptions(new).map { String(cString: $0) } ?? ""
            try apply(settings.filter { $0.name == "role" || !ConnectionString.options(options, set: $0.name) })
            self.patience = patience
        } catch {
            close()
            throw error
        }
    }

    private func finishConnecting(until deadline: ContinuousClock.Instant) throws(PGError) {
        var state = PGRES_POLLING_WRITING
        while true {
            switch state {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: try wait(.reading, until: deadline, cancellable: true)
            case PGRES_POLLING_WRITING: try wait(.writing, until: deadline, cancellable: true)
            default: throw failure("cannot connect")
            }
            state = PQconnectPoll(handle)
        }
    }

    private func apply(_ settings: [(name: String, value: String)]) throws(PGError) {
        guard !settings.isEmpty else { return }
        var statements: [Statement] = []
        for setting in settings {
            statements.append(try Statement(SQL("select set_config(\(setting.name), \(setting.value), false)")))
        }
        for result in try exchange(statements, .init()) {
            if let error = result.error() { throw error }
        }
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
