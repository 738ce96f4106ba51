import ArgumentParser
import CoreMetrics
import Foundation
import Hummingbird
import Logging
import NIOCore
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
    /// How long requests in flight may take to end after SIGTERM or SIGINT: with what comes behind it less than the ten seconds after which those who
    /// start and stop programs begin to kill.
    private static let grace: Duration = .seconds(8)

    /// Serves until SIGTERM or SIGINT, then takes nothing new and lets what is in flight end. Once in a process: it sets up the process's metrics.
    ///
    /// - Parameter onListening: called when connections are taken.
    /// - Throws: `MigrationError` when the schema is not this program's, `UnsafeDatabase` when the database is not to be trusted with money;
    ///   `CommandFailure` when the server cannot listen where it is told to.
    static func serve(_ settings: ServerSettings, logger: Logger, onListening: @escaping @Sendable () -> Void = {}) async throws {
        let address = ListeningAddress(host: settings.host, port: settings.port)
        try address.probe()
        // The time in each log line is local time. Unless TZ says where that is, the C library looks at the file anew for each of them.
        setenv("TZ", ":/etc/localtime", 0)
        let metrics = MetricsRegistry()
        MetricsSystem.bootstrap(metrics)
        let services = try AppServices(settings, metrics: metrics, logger: logger)
        if settings.operatorToken == nil { logger.notice("MARKET_OPERATOR_TOKEN is not set: the operator's routes are closed") }
        let safety = DatabaseSafety(services)
        let isChecked = try await check(services, safety)
        var running: [ServiceGroupConfiguration.ServiceConfiguration] = [
            .init(service: Announced(base: buildApplication(services, gate: isChecked ? nil : safety)) { _ in onListening() })
        ]
        if !isChecked { running.append(.init(service: safety, successTerminationBehavior: .ignore)) }
        var configuration = ServiceGroupConfiguration(
            services: running, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = grace
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            // Somebody took the address since it was probed.
            throw address.refusal(error.errnoCode)
        }
    }

    /// A server does not start on a schema that is not its own, nor on an unsafe database. One that cannot reach its database starts, and answers 503
    /// until it has looked at it.
    ///
    /// - Returns: false when the database did not answer, so that its safety is still to be checked.
    static func check(_ services: AppServices, _ safety: DatabaseSafety) async throws -> Bool {
        do {
            try await safety.check()
            return true
        } catch let error as PGError where error.isUnavailable {
            services.logger.warning("the database does not answer yet", metadata: ["error": "\(error)"])
            return false
        }
    }
}
