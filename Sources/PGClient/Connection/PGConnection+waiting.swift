import CLibPQ
import Foundation

extension PGConnection {
    enum Direction {
        case reading
        case writing
        case both
    }

    /// Parks the connection's thread until the socket is ready.
    ///
    /// - Returns: true when input is there.
    /// - Throws: `PGError` of kind connection past the deadline; of kind cancelled when the caller's task was cancelled and `cancellable`.
    @discardableResult
    func wait(_ direction: Direction, until deadline: ContinuousClock.Instant?, cancellable: Bool) throws(PGError) -> Bool {
        let socket = PQsocket(handle)
        guard socket >= 0 else { throw failure("the connection is closed") }
        if direction != .writing, let tls = PQsslStruct(handle, "OpenSSL"), let pendingBytes, pendingBytes(tls) > 0 { return true }
        let events =
            switch direction {
            case .reading: Int16(POLLIN)
            case .writing: Int16(POLLOUT)
            case .both: Int16(POLLIN | POLLOUT)
            }
        while true {
            var polled = (pollfd(fd: socket, events: events, revents: 0), pollfd(fd: wake.descriptor, events: Int16(POLLIN), revents: 0))
            let count = withUnsafeMutableBytes(of: &polled) {
                poll($0.baseAddress?.assumingMemoryBound(to: pollfd.self), cancellable ? 2 : 1, Self.milliseconds(until: deadline))
            }
            if count < 0 {
                guard errno == EINTR else { throw PGError(.connection, "poll failed: \(String(cString: strerror(errno)))") }
                continue
            }
            if count == 0 { throw PGError(.connection, "no answer in time", outcome: .unknown) }
            if cancellable, polled.1.revents != 0 {
                wake.clear()
                // We run within the caller's task: its flag tells a signal of ours from one that came too late for an earlier operation.
                if Task.isCancelled { throw PGError(.cancelled, "the task was cancelled", outcome: .unknown) }
                if polled.0.revents == 0 { continue }
            }
            if polled.0.revents != 0 { return polled.0.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 }
        }
    }

    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return -1 }
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = left.components
        // Rounded up, so that the last wait does not spin.
        return Int32(clamping: seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    /// Sends what libpq has buffered, reading all the while: a server that waits for us to read would never read what we write.
    func flush() throws(PGError) {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                if try wait(.both, until: deadlineOfAnswer, cancellable: heedsCancellation) {
                    guard PQconsumeInput(handle) == 1 else { throw failure("the connection was lost", outcome: .unknown) }
                }
            default: throw failure("the connection was lost", outcome: .unknown)
            }
        }
    }

    /// The next result, nil at the end of a statement's results.
    ///
    /// - Throws: `PGError` of kind connection too when the server stays silent for longer than it may; every sign of life starts that time anew.
    func nextResult(startingCopy: Bool = false) throws(PGError) -> PGResult? {
        try nextPointer(startingCopy: startingCopy).map { PGResult($0) }
    }

    /// The same as libpq gave it, to be taken over or freed.
    func nextPointer(startingCopy: Bool = false) throws(PGError) -> OpaquePointer? {
        while PQisBusy(handle) == 1 {
            try wait(.reading, until: deadlineOfAnswer, cancellable: heedsCancellation)
            guard PQconsumeInput(handle) == 1 else { throw failure("the connection was lost", outcome: .unknown) }
        }
        drainNotifications()
        guard let pointer = PQgetResult(handle) else {
            if PQstatus(handle) != CONNECTION_OK { throw failure("the connection was lost", outcome: .unknown) }
            return nil
        }
        if !startingCopy, PQresultStatus(pointer).isCopy {
            PQclear(pointer)
            // The answer would never end: libpq waits for data that nobody sends or reads.
            abort()
            throw PGError(.decoding, "COPY cannot run as a query", outcome: .unknown)
        }
        return pointer
    }

    /// How long the server may stay silent while it runs so many statements: it may hold back the answer to each until the last is done.
    func patience(for statements: Int) -> Duration? {
        bound ?? statementLimit.map { $0 * max(statements, 1) + grace }
    }

    private var deadlineOfAnswer: ContinuousClock.Instant? { patience.map { .now + $0 } }

    /// Stops what runs on the server, without waiting, and closes the connection: the server has stopped answering.
    func abort() {
        if let handle, let cancel = PQgetCancel(handle) { CancelRequest(cancel).send() }
        close()
    }

    /// Stops what runs on the server, waits until it has ended (5 s at most) and closes the connection: a cancel request that comes late would hit
    /// the next query, so there is none.
    ///
    /// - Returns: whether the server said that it undid what ran.
    func abandon() -> Bool {
        broken = true
        defer { close() }
        guard let handle, let cancel = PQgetCancel(handle) else { return false }
        CancelRequest(cancel).send()
        heedsCancellation = false
        patience = .seconds(5)
        return (try? isRefused()) ?? false  // A connection lost on the way says nothing of what was done.
    }

    private func isRefused() throws(PGError) -> Bool {
        let isPipeline = PQpipelineStatus(handle) != PQ_PIPELINE_OFF
        try flush()
        var refused = false
        while true {
            let result = try nextResult()
            if let error = result?.error() {
                if error.kind != .server { return false }
                refused = refused || !error.endsSession
            }
            // In a pipeline only the answer to Sync is the end; nil stands between statements.
            if isPipeline ? result?.status == PGRES_PIPELINE_SYNC : result == nil { return refused }
        }
    }
}

/// OpenSSL's SSL_pending: how much of a record it has decrypted that libpq has not taken yet. libpq takes some 8 KiB at a time; what is left of a larger
/// record is no longer in the socket, and `poll` would wait for it for ever. libpq brings OpenSSL along, so it is looked up in the running program.
private let pendingBytes: (@convention(c) (UnsafeMutableRawPointer) -> Int32)? = dlsym(nil, "SSL_pending").map {
    unsafeBitCast($0, to: (@convention(c) (UnsafeMutableRawPointer) -> Int32).self)
}

/// A request to the server to stop what a connection runs. It travels over a connection of its own, and making that blocks, so it has its own thread.
private struct CancelRequest: @unchecked Sendable {
    // SAFETY: the pointer is used and freed by the one thread that `send` starts; PQcancel is documented as thread-safe.
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    func send() {
        Thread.detachNewThread {
            var message = [CChar](repeating: 0, count: 256)
            // A server that cannot be reached is not running the query for us any more, or ends it by its own timeouts.
            _ = PQcancel(pointer, &message, Int32(message.count))
            PQfreeCancel(pointer)
        }
    }
}
