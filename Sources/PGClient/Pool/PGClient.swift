import Logging
import ServiceLifecycle

/// A pool of connections to one database: runs queries, transactions, streams and copies.
///
/// A `Service`: `run()` keeps the pool's time and closes it when the service group shuts down gracefully, after what was lent has come back.
public final class PGClient: PGSession, Service {
    public let configuration: Configuration
    let pool: ConnectionPool
    let logger: Logger

    public init(_ configuration: Configuration, logger: Logger) {
        self.configuration = configuration
        self.logger = logger
        pool = ConnectionPool(configuration, logger: logger)
    }

    /// A reading of the pool.
    public var metrics: PoolMetrics { pool.metrics }

    /// How often waits are looked through for those past their time.
    private static let tick: Duration = .milliseconds(100)

    public func run() async throws {
        await withGracefulShutdownHandler {
            await withTaskGroup { group in
                group.addTask { await self.checkHealth() }
                await keepTime()
                group.cancelAll()
            }
        } onGracefulShutdown: {
            self.pool.beginDraining()
        }
        pool.beginDraining()
        for connection in pool.takeAllIdle() { await connection.close() }
    }

    /// Ends waits that are past their time, until the pool is drained or the task is cancelled.
    private func keepTime() async {
        var drainUntil: ContinuousClock.Instant?
        while !pool.isDrained {
            do {
                try await Task.sleep(for: Self.tick)
            } catch {
                return  // Cancelled instead of shut down: no grace.
            }
            pool.keepTime()
            guard pool.isDraining else { continue }
            let deadline = drainUntil ?? .now + configuration.drainTimeout
            drainUntil = deadline
            if deadline <= .now {
                logger.warning("connections are still lent at the end of the drain time; closing without them")
                return
            }
        }
    }

    /// Tries connections that were long idle, so that a dead one is found before somebody needs it.
    private func checkHealth() async {
        while !pool.isDraining {
            do {
                try await Task.sleep(for: configuration.healthCheckInterval)
            } catch {
                return  // The client ends.
            }
            // All at once: one that hangs does not keep the others from those who wait for them.
            await withTaskGroup { group in
                for connection in pool.takeForHealthCheck() { group.addTask { await self.check(connection) } }
            }
        }
    }

    private func check(_ connection: PGConnection) async {
        do throws(PGError) {
            try await connection.check(within: configuration.healthCheckTimeout)
            pool.release(connection, reusable: true)
        } catch {
            logger.info("an idle connection was dead", metadata: ["error": "\(error)"])
            await connection.close()
            pool.release(connection, reusable: false)
        }
    }

    public func perform(_ queries: [SQL]) async throws(PGError) -> [PGAnswer] {
        let statements = try Statement.all(queries)
        while true {
            let connection = try await pool.acquire()
            do throws(PGError) {
                let results = try await connection.execute(statements)
                pool.release(connection, reusable: true)
                return results.map { PGAnswer(result: $0, inTransaction: false) }
            } catch {
                let clean = await connection.isClean()
                if !clean { await connection.close() }
                pool.release(connection, reusable: clean)
                // Each dead connection leaves the pool, so this ends: at the latest with one that cannot be made.
                if !error.beforeSending { throw error }
            }
        }
    }
}
