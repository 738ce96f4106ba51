import Logging
import PGClient
import ServiceLifecycle

/// Refuses an unsafe database: at the start, or, when the database did not answer then, as soon as it does.
struct DatabaseSafety: Service {
    let database: PGClient
    /// Told to serve all the same: what is unsafe is logged instead.
    let allowsUnsafe: Bool
    let logger: Logger

    /// How long until a database that does not answer is asked again: what it acknowledges in between is at risk.
    private static let pause: Duration = .milliseconds(250)

    init(_ services: AppServices) {
        database = services.database
        allowsUnsafe = services.settings.allowsUnsafeDatabase
        logger = services.logger
    }

    /// - Throws: `UnsafeDatabase` unless that is allowed; `PGError` from the database.
    func check() async throws {
        let hazards = try await DatabaseHazard.found(by: database)
        guard !hazards.isEmpty else { return }
        guard allowsUnsafe else { throw UnsafeDatabase(hazards: hazards) }
        logger.warning(
            "serving on an unsafe database, as told", metadata: ["unsafe": "\(hazards.map(\.what).joined(separator: "; "))"])
    }

    /// Checks once the database answers, and returns; throws as `check` does, which ends the server.
    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do {
                    return try await check()
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
