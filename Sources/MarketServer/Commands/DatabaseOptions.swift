import ArgumentParser
import Foundation
import Logging
import PGClient
import ServiceLifecycle

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
    func client(connections: Int = 4, logger: Logger) throws -> PGClient {
        var configuration = PGClient.Configuration(url: try url())
        configuration.maxConnections = connections
        configuration.settings = ["role": "market_server"]
        // A whole history is read in one transaction.
        configuration.statementTimeout = .seconds(600)
        configuration.idleInTransactionTimeout = .zero
        return PGClient(configuration, logger: logger)
    }
}

/// Runs services around a body and shuts them down gracefully behind it; SIGINT and SIGTERM cancel the body.
func withRunning<R: Sendable>(_ services: [any Service], logger: Logger, _ body: @Sendable @escaping () async throws -> R) async throws -> R
{
    let group = ServiceGroup(
        configuration: .init(services: services.map { .init(service: $0, successTerminationBehavior: .ignore) }, logger: logger))
    return try await withThrowingTaskGroup(of: R?.self) { tasks in
        tasks.addTask {
            try await group.run()
            return nil
        }
        tasks.addTask { try await body() }
        do {
            while let finished = try await tasks.next() {
                guard let result = finished else { continue }
                await group.triggerGracefulShutdown()
                while try await tasks.next() != nil {}
                return result
            }
            throw CancellationError()
        } catch {
            await group.triggerGracefulShutdown()
            tasks.cancelAll()
            throw error
        }
    }
}
