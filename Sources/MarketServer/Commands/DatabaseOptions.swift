import ArgumentParser
import Foundation
import Logging
import PGClient

/// Which database a command works on.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "libpq URI of the database; DATABASE_URL where it is not given.")
    var databaseURL: String?

    /// - Throws: `ValidationError` when neither the option nor the environment names a database.
    func url() throws -> String {
        guard let url = databaseURL ?? ProcessInfo.processInfo.environment["DATABASE_URL"], !url.isEmpty else {
            throw ValidationError("no database: give --database-url or set DATABASE_URL")
        }
        return url
    }

    /// A client that works as the server's role: what a command may not do by accident the database refuses.
    ///
    /// - Parameter settings: more settings of its sessions.
    func client(connections: Int = 4, settings: [String: String] = [:], logger: Logger) throws -> PGClient {
        var configuration = PGClient.Configuration(url: try url())
        configuration.maxConnections = connections
        configuration.settings = settings.merging(["role": "market_server"]) { $1 }
        // A whole history is read in one transaction.
        configuration.statementTimeout = .seconds(600)
        configuration.idleInTransactionTimeout = .zero
        return PGClient(configuration, logger: logger)
    }
}
