import Logging
import PGClient
import ServiceLifecycle
import Synchronization

/// Refuses an unsafe database, and a schema that is not this program's: at the start, or, when the database did not answer then, as soon as it does.
final class DatabaseSafety: Service {
    private let database: PGClient
    private let schema: Migrator
    /// Told to serve all the same: what is unsafe is logged instead.
    private let allowsUnsafe: Bool
    private let logger: Logger
    private let checked = Atomic(false)

    /// Whether the database was looked at and may be served on. Nothing is acknowledged before.
    var isChecked: Bool { checked.load(ordering: .acquiring) }

    /// Returns when the database may be served on, or the task is cancelled. It looks as often as `run` does: nobody waits for this but what works by itself.
    func untilChecked() async {
        while !isChecked {
            do {
                try await Task.sleep(for: Self.pause)
            } catch {
                return  // The server stops before its database answered.
            }
        }
    }

    /// How long until a database that does not answer is asked again.
    private static let pause: Duration = .milliseconds(250)

    init(_ services: AppServices) {
        database = services.database
        schema = services.schema
        allowsUnsafe = services.settings.allowsUnsafeDatabase
        logger = services.logger
    }

    /// - Throws: `MigrationError` when the schema is another; `UnsafeDatabase` unless that is allowed; `PGError` from the database.
    func check() async throws {
        try await schema.requireCurrent(database)
        let hazards = try await DatabaseHazard.found(by: database)
        if !hazards.isEmpty {
            guard allowsUnsafe else { throw UnsafeDatabase(hazards: hazards) }
            logger.warning(
                "serving on an unsafe database, as told", metadata: ["unsafe": "\(hazards.map(\.what).joined(separator: "; "))"])
        }
        checked.store(true, ordering: .releasing)
    }

    /// Checks once the database answers, and returns; throws as `check` does, which ends the server.
    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    return try await self.check()
                } catch let error as PGError where error.isUnavailable || error.kind == .cancelled {
                    do {
                        try await Task.sleep(for: Self.pause)
                    } catch {
                        return  // The server stops before its database answered.
                    }
                }
            }
        }
    }
}
