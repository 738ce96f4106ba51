/// A connection of a client's, for who asks it again and again.
@usableFromInline
struct PGLentSession: PGSession {
    private let connection: PGConnection
    private let pool: ConnectionPool

    fileprivate init(_ connection: PGConnection, of pool: ConnectionPool) {
        self.connection = connection
        self.pool = pool
    }

    @usableFromInline
    func perform(_ queries: [SQL]) async throws(PGError) -> [PGAnswer] {
        try await connection.execute(try Statement.all(queries)).map { PGAnswer(result: $0, inTransaction: false) }
    }

    /// Whether another statement may be sent, as far as can be told without sending one.
    @usableFromInline
    func isAlive() async -> Bool { await connection.isAlive() }

    /// Whether somebody waits for a connection.
    @usableFromInline
    var isWantedElsewhere: Bool { pool.metrics.waiting > 0 }
}

extension PGClient {
    /// Lends a connection to a body, which runs on its thread: it must be one task. Whether the connection is alive is the body's to find out.
    ///
    /// - Throws: when there is no connection; the body has not run then.
    @usableFromInline
    func lend<R: Sendable>(_ body: @Sendable (PGLentSession) async -> R) async throws(PGError) -> R {
        let connection = try await pool.acquire()
        let (result, isAlive) = await withTaskExecutorPreference(connection.thread) {
            let result = await body(PGLentSession(connection, of: pool))
            let isAlive = await connection.isAlive()
            if !isAlive { await connection.close() }
            return (result, isAlive)
        }
        pool.release(connection, reusable: isAlive)
        return result
    }
}
