import DequeModule

/// The pool's decisions, without any waiting or I/O in them.
struct PoolState: Sendable {
    enum Decision {
        case lend(PGConnection)
        case connect(number: Int)
        case wait
        case refuse(PGError)
    }

    /// What one who waited gets.
    enum Turn: Sendable {
        case lend(PGConnection)
        /// A place is free: make a connection.
        case connect(number: Int)
        case fail(PGError)
    }

    /// A waiter and its turn, to be resumed outside the lock.
    struct Resumption {
        let continuation: CheckedContinuation<Turn, Never>
        let turn: Turn
        func resume() { continuation.resume(returning: turn) }
    }

    private struct Idle {
        let connection: PGConnection
        let since: ContinuousClock.Instant
    }

    private struct Waiter {
        let ticket: UInt64
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<Turn, Never>
    }

    private let maxConnections: Int
    private let maxWaiters: Int
    private var idle: [Idle] = []
    private var waiters: Deque<Waiter> = []
    /// Tickets whose task was cancelled before it stood in line.
    private var cancelledTickets: Set<UInt64> = []
    private var nextTicket: UInt64 = 0
    private var nextNumber = 0
    private(set) var draining = false
    private var failure: (error: PGError, until: ContinuousClock.Instant)?
    private var failures = 0
    private(set) var metrics = PoolMetrics()

    init(maxConnections: Int, maxWaiters: Int) {
        precondition(maxConnections >= 1, "a pool needs one connection at least")
        self.maxConnections = maxConnections
        self.maxWaiters = maxWaiters
    }

    private static let notRunning = PGError(.notRunning, "the database client is shut down")

    mutating func acquire(now: ContinuousClock.Instant) -> Decision {
        if draining { return .refuse(Self.notRunning) }
        if let last = idle.popLast() {
            metrics.idle -= 1
            metrics.acquired += 1
            return .lend(last.connection)
        }
        // While connecting fails, who asks is told so at once, until the next try is due; where another connection is open, he waits for that (but for the one
        // whose try it was, who is told).
        if let failure, metrics.open == 0, now < failure.until {
            metrics.refused += 1
            return .refuse(failure.error)
        }
        if mayConnect(now) { return .connect(number: openOne()) }
        guard waiters.count < maxWaiters else {
            metrics.refused += 1
            return .refuse(PGError(.poolFull, "\(maxWaiters) callers wait for a connection already"))
        }
        return .wait
    }

    private func mayConnect(_ now: ContinuousClock.Instant) -> Bool {
        metrics.open < maxConnections && failure.map { $0.until <= now } ?? true
    }

    private mutating func openOne() -> Int {
        metrics.open += 1
        metrics.acquired += 1
        nextNumber += 1
        return nextNumber
    }

    mutating func ticket() -> UInt64 {
        nextTicket += 1
        return nextTicket
    }

    /// Stands in line; a turn that came up meanwhile, or a cancellation, is returned at once.
    mutating func enqueue(
        _ ticket: UInt64, until deadline: ContinuousClock.Instant, first: Bool, now: ContinuousClock.Instant,
        _ continuation: CheckedContinuation<Turn, Never>
    ) -> Resumption? {
        if cancelledTickets.remove(ticket) != nil {
            return Resumption(continuation: continuation, turn: .fail(PGError(.cancelled, "the task was cancelled")))
        }
        if draining { return Resumption(continuation: continuation, turn: .fail(Self.notRunning)) }
        if let last = idle.popLast() {
            metrics.idle -= 1
            metrics.acquired += 1
            return Resumption(continuation: continuation, turn: .lend(last.connection))
        }
        // With nothing open nobody would come back to serve the line.
        if mayConnect(now) || metrics.open == 0 { return Resumption(continuation: continuation, turn: .connect(number: openOne())) }
        let waiter = Waiter(ticket: ticket, deadline: deadline, continuation: continuation)
        if first { waiters.prepend(waiter) } else { waiters.append(waiter) }
        metrics.waiting = waiters.count
        return nil
    }

    mutating func cancel(_ ticket: UInt64) -> Resumption? {
        guard let index = waiters.firstIndex(where: { $0.ticket == ticket }) else {
            // Not in line yet, or served already; a served one's mark is dropped with the next drain of the set.
            if cancelledTickets.count > 1024 { cancelledTickets.removeAll() }
            cancelledTickets.insert(ticket)
            return nil
        }
        let waiter = waiters.remove(at: index)
        metrics.waiting = waiters.count
        return Resumption(continuation: waiter.continuation, turn: .fail(PGError(.cancelled, "the task was cancelled")))
    }

    mutating func release(_ connection: PGConnection, reusable: Bool, now: ContinuousClock.Instant) -> Resumption? {
        guard reusable else {
            metrics.open -= 1
            return connectNext()
        }
        guard let waiter = popWaiter() else {
            idle.append(Idle(connection: connection, since: now))
            metrics.idle += 1
            return nil
        }
        metrics.acquired += 1
        return Resumption(continuation: waiter.continuation, turn: .lend(connection))
    }

    private mutating func popWaiter() -> Waiter? {
        defer { metrics.waiting = waiters.count }
        return waiters.popFirst()
    }

    /// - Returns: who waits while there is room for another one.
    mutating func didConnect() -> Resumption? {
        metrics.connected += 1
        let hadFailed = failure != nil
        failure = nil
        failures = 0
        return hadFailed ? connectNext() : nil
    }

    /// After a pause, one who waits may try where connecting failed.
    mutating func tryAgain(now: ContinuousClock.Instant) -> Resumption? {
        failure != nil && mayConnect(now) ? connectNext() : nil
    }

    private mutating func connectNext() -> Resumption? {
        guard metrics.open < maxConnections, let waiter = popWaiter() else { return nil }
        return Resumption(continuation: waiter.continuation, turn: .connect(number: openOne()))
    }

    /// Who wanted a connection made no longer does.
    mutating func connectAbandoned() -> Resumption? {
        metrics.open -= 1
        return connectNext()
    }

    /// A connection could not be made. When none is left, who waits is told why rather than left to its time-out.
    mutating func connectFailed(_ error: PGError, now: ContinuousClock.Instant) -> [Resumption] {
        metrics.open -= 1
        metrics.connectFailures += 1
        failures += 1
        // 5 ms doubled up to 1 s, and up to half of it at random on top, so that many servers do not knock at once.
        let pause = min(5.0 * Double(1 << min(failures - 1, 8)), 1000) * Double.random(in: 1...1.5)
        failure = (error, now + .milliseconds(pause))
        if metrics.open == 0 { return waiters.popAll().map { Resumption(continuation: $0.continuation, turn: .fail(error)) } }
        return []
    }

    mutating func expire(now: ContinuousClock.Instant) -> [Resumption] {
        var expired: [Resumption] = []
        while let first = waiters.first, first.deadline <= now {
            waiters.removeFirst()
            metrics.timeouts += 1
            expired.append(
                Resumption(continuation: first.continuation, turn: .fail(PGError(.poolTimeout, "no connection became free in time"))))
        }
        metrics.waiting = waiters.count
        return expired
    }

    mutating func takeIdle(unusedFor interval: Duration, now: ContinuousClock.Instant) -> [PGConnection] {
        let stale = idle.filter { $0.since + interval <= now }
        idle.removeAll { $0.since + interval <= now }
        metrics.idle = idle.count
        return stale.map(\.connection)
    }

    mutating func drain() -> [Resumption] {
        draining = true
        defer { metrics.waiting = 0 }
        return waiters.popAll().map { Resumption(continuation: $0.continuation, turn: .fail(Self.notRunning)) }
    }

    var isDrained: Bool { draining && metrics.open == idle.count }

    mutating func takeAllIdle() -> [PGConnection] {
        defer {
            metrics.open -= idle.count
            idle.removeAll()
            metrics.idle = 0
        }
        return idle.map(\.connection)
    }
}

extension Deque {
    fileprivate mutating func popAll() -> [Element] {
        // An array made of an empty deque writes to storage that all empty arrays share: harmless, and the thread sanitizer minds.
        guard !isEmpty else { return [] }
        defer { removeAll() }
        return Array(self)
    }
}
