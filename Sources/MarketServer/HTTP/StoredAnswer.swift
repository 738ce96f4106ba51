import Logging
import PGClient
import ServiceLifecycle

/// A row of idempotency_key whose transaction has committed.
struct StoredAnswer: PGRowDecodable {
    let request: [UInt8]
    let status: Int
    let sealed: [UInt8]

    init(row: PGRow) throws(PGError) {
        let (request, status, sealed): (Bytea, Int, Bytea) = try row.decode()
        self.request = request.bytes
        self.status = status
        self.sealed = sealed.bytes
    }

    /// 24 hours
    private static let lifetime: Int64 = 86_400_000

    static func dropExpired(_ principal: String, _ key: [UInt8]) -> Query<Int> {
        SQL(
            """
            delete from idempotency_key
            where principal = \(principal) and key_sha256 = \(Bytea(key)) and created_at < now_ms() - \(lifetime)
            """
        ).execute
    }

    /// 1 when the key was free. Waits for a transaction that has it and has not ended.
    static func claim(_ principal: String, _ key: [UInt8], _ request: [UInt8]) -> Query<Int> {
        SQL(
            """
            insert into idempotency_key (principal, key_sha256, request_sha256)
            values (\(principal), \(Bytea(key)), \(Bytea(request)))
            on conflict do nothing
            """
        ).execute
    }

    static func with(_ principal: String, _ key: [UInt8]) -> Query<StoredAnswer?> {
        SQL(
            """
            select request_sha256, status::int, sealed_answer
            from idempotency_key
            where principal = \(principal) and key_sha256 = \(Bytea(key))
            """
        ).first()
    }

    static func store(_ principal: String, _ key: [UInt8], status: Int, sealed: [UInt8]) -> Query<Int> {
        SQL(
            """
            update idempotency_key set status = \(Int16(status)), sealed_answer = \(Bytea(sealed))
            where principal = \(principal) and key_sha256 = \(Bytea(key))
            """
        ).execute
    }

    static let sweep: Query<Int> = SQL("delete from idempotency_key where created_at < now_ms() - \(lifetime)").execute
}

/// Deletes answers that nobody can ask for again, once an hour.
struct IdempotencySweep: Service {
    let database: PGClient
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    let deleted = try await database.run(StoredAnswer.sweep)
                    if deleted > 0 { logger.info("deleted expired idempotency keys", metadata: ["count": "\(deleted)"]) }
                } catch {
                    logger.warning("could not delete expired idempotency keys; trying again in an hour", metadata: ["error": "\(error)"])
                }
                do {
                    try await Task.sleep(for: .seconds(3600))
                } catch {
                    return  // The server ends.
                }
            }
        }
    }
}
