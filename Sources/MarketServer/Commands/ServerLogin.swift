import Logging
import PGClient

/// The role that a server of a private cluster logs in as: as in production it owns nothing, and may work as market_server.
enum ServerLogin {
    static let name = "market_app"

    /// Makes the role in a migrated database unless it is there.
    ///
    /// - Parameter owner: the URL of the database, as a superuser.
    static func make(_ owner: String, logger: Logger) async throws {
        let connection = try await AdministrativeConnection(owner, logger: logger)
        do {
            if try await connection.rowCount("select from pg_roles where rolname = '\(name)'") == 0 {
                try await connection.script("create role \(name) login")
            }
            try await connection.script("grant market_server to \(name)")
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}
