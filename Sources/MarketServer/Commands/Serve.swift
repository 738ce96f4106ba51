import ArgumentParser
import CoreMetrics
import Hummingbird
import Logging
import PGClient
import ServiceLifecycle
import UnixSignals

/// `market serve`: the HTTP server.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Serve the API.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let reader = try await options.reader()
        let logger = try options.logger(reader)
        try await Serving.serve(ServerSettings(reader), logger: logger)
    }
}

/// Runs the server to its end.
enum Serving {
    /// How long requests in flight may take to end after SIGTERM or SIGINT.
    private static let grace: Duration = .seconds(30)

    /// Serves until SIGTERM or SIGINT, then takes nothing new and lets what is in flight end. Once in a process: it sets up the process's metrics.
    ///
    /// - Throws: `MigrationError` when the schema is not this program's; what keeps the server from listening.
    static func serve(_ settings: ServerSettings, logger: Logger) async throws {
        let metrics = MetricsRegistry()
        MetricsSystem.bootstrap(metrics)
        let services = try AppServices(settings, metrics: metrics, logger: logger)
        if settings.operatorToken == nil { logger.notice("MARKET_OPERATOR_TOKEN is not set: the operator's routes are closed") }
        try await checkSchema(services)
        var configuration = ServiceGroupConfiguration(
            services: [buildApplication(services)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = grace
        try await ServiceGroup(configuration: configuration).run()
    }

    /// A server does not start on a schema that is not its own. One that cannot reach its database starts, and says at /readyz that it is not ready.
    private static func checkSchema(_ services: AppServices) async throws {
        do {
            let status = try await services.schema.status(of: services.database)
            if status.pending > 0 { throw MigrationError.behind(pending: status.pending) }
        } catch let error as PGError where error.isUnavailable {
            services.logger.warning("the database does not answer yet", metadata: ["error": "\(error)"])
        }
    }
}
