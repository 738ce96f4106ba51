import DequeModule
import Logging
import NIOConcurrencyHelpers

/// Lends connections. Who asks takes an idle one without waiting, makes a new one while there is room, or waits in line.
///
/// The state is one struct behind a lock, and each decision is made in one go under it; connecting and closing happen outside.
final class ConnectionPool: Sendable {
    let configuration: PGClient.Configuration
    private let conninfo: Result<ConnectionString, PGError>
    private let logger: Logger
    private let state: NIOLockedValueBox<PoolState>

    init(_ configuration: PGClient.Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        state = NIOLockedValueBox(PoolState(maxConnections: configuration.maxConnections, maxWaiters: configuration.maxWaiters))
        conninfo = Result { () throws(PGError) in
            try ConnectionString(configuration.url, applicationName: configuration.applicationName)
        }
    }

    /// Lends a connection; it must come back through `release`.
    func acquire() async throws(PGError) -> PGConnection {
        let decision = state.withLockedValue { $0.acquire(now: .now) }
        switch decision {
        case .lend(let connection): return connection
        case .connect(let number): return try await connect(number)
        case .refuse(let error): throw error
        case .wait: return try await wait()
        }
    }

    func release(_ connection: PGConnection, reusable: Bool) {
        let waiter = state.withLockedValue { $0.release(connection, reusable: reusable, now: .now) }
        waiter?.resume()
    }

    private func connect(_ number: Int) async throws(PGError) -> PGConnection {
        let connection = PGConnection(number: number, statementCacheSize: configuration.statementCacheSize, logger: logger)
        do throws(PGError) {
            let (conninfo, configuration) = (try conninfo.get(), configuration)
            try await connection.cancellable { connection throws(PGError) in
                connection.grace = configuration.grace
                try connection.connect(conninfo, settings: configuration.sessionSettings, timeout: configuration.connectTimeout)
            }
            state.withLockedValue { $0.didConnect() }?.resume()
            return connection
        } catch  where error.kind == .cancelled {
            // Says nothing about the server; another waiter may take the place.
            state.withLockedValue { $0.connectAbandoned() }?.resume()
            throw error
        } catch {
            logger.warning("cannot connect to the database", metadata: ["error": "\(error)"])
            let waiters = state.withLockedValue { $0.connectFailed(error, now: .now) }
            for waiter in waiters { waiter.resume() }
            throw error
        }
    }

    private func wait() async throws(PGError) -> PGConnection {
        let deadline = ContinuousClock.now + configuration.acquireTimeout
        var goesFirst = false
        while true {
            switch await standInLine(until: deadline, first: goesFirst) {
            case .lend(let connection): return connection
            case .fail(let error): throw error
            case .connect(let number):
                do throws(PGError) {
                    return try await connect(number)
                } catch {
                    // As long as another connection is open, its turn may come: back to the head of the line.
                    guard error.kind == .connection, metrics.open > 0, deadline > .now else { throw error }
                    goesFirst = true
                }
            }
        }
    }

    private func standInLine(until deadline: ContinuousClock.Instant, first: Bool) async -> PoolState.Turn {
        let ticket = state.withLockedValue { $0.ticket() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<PoolState.Turn, Never>) in
                let resolved = state.withLockedValue { $0.enqueue(ticket, until: deadline, first: first, now: .now, continuation) }
                resolved?.resume()
            }
        } onCancel: {
            state.withLockedValue { $0.cancel(ticket) }?.resume()
        }
    }

    /// Ends waits that are past their time, and has one who waits try where connecting failed before. Called ten times a second.
    func keepTime() {
        let resumptions = state.withLockedValue { state in
            let expired = state.expire(now: .now)
            return state.tryAgain(now: .now).map { expired + [$0] } ?? expired
        }
        for resumption in resumptions { resumption.resume() }
    }

    /// Idle connections that nobody has tried for the interval, taken out for a try.
    func takeForHealthCheck() -> [PGConnection] {
        state.withLockedValue { $0.takeIdle(unusedFor: configuration.healthCheckInterval, now: .now) }
    }

    /// No more lending: who waits is told so.
    func beginDraining() {
        for waiter in state.withLockedValue({ $0.drain() }) { waiter.resume() }
    }

    /// Nothing is lent any more.
    var isDrained: Bool { state.withLockedValue { $0.isDrained } }
    var isDraining: Bool { state.withLockedValue { $0.draining } }

    func takeAllIdle() -> [PGConnection] {
        state.withLockedValue { $0.takeAllIdle() }
    }

    var metrics: PoolMetrics { state.withLockedValue { $0.metrics } }
}
