import ArgumentParser
import Configuration
import Logging

/// The keys of the configuration that a command line may set. The operator's token is not one: every process can read a command line.
struct ConfigurationOptions: ParsableArguments {
    @Option(help: "A file of KEY=value lines, as .env files are; the environment and the command line win over it.")
    var config: String?

    @Option(help: "DATABASE_URL: where the database is, as a libpq URI.")
    var databaseURL: String?

    @Option(help: "MARKET_HOST: the address to listen on. (default: 127.0.0.1)")
    var host: String?

    @Option(help: "MARKET_PORT: the port to listen on. (default: 8080)")
    var port: String?

    @Option(name: .customLong("public-url"), help: "MARKET_PUBLIC_URL: how the world reaches the server. (default: http://HOST:PORT)")
    var publicURL: String?

    @Option(help: "MARKET_DATABASE_CONNECTIONS: connections to the database at most. (default: 12)")
    var databaseConnections: String?

    @Flag(help: "MARKET_ALLOW_UNSAFE_DATABASE: serve on a database that could lose or rewrite what was acknowledged.")
    var allowUnsafeDatabase = false

    @Option(help: "MARKET_LOG_LEVEL: trace, debug, info, notice, warning, error or critical. (default: info)")
    var logLevel: String?

    /// The command line, then the environment, then the file.
    ///
    /// - Throws: `CommandFailure` when there is no such file, or it cannot be followed.
    func reader() async throws -> ConfigReader {
        let given: [(AbsoluteConfigKey, String?)] = [
            ("database.url", databaseURL), ("market.host", host), ("market.port", port), ("market.public.url", publicURL),
            ("market.database.connections", databaseConnections), ("market.log.level", logLevel),
            ("market.allow.unsafe.database", allowUnsafeDatabase ? "1" : nil),
        ]
        let values = given.compactMap { key, value in value.map { (key, ConfigValue(.string($0), isSecret: true)) } }
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "command line", values: Dictionary(uniqueKeysWithValues: values)),
            EnvironmentVariablesProvider(secretsSpecifier: .all),
        ]
        if let config {
            let file = try EnvironmentFile(path: config)
            providers.append(EnvironmentVariablesProvider(environmentVariables: file.values, secretsSpecifier: .all))
        }
        return ConfigReader(providers: providers)
    }

    /// The logger of a command: to standard error, so that standard output is the command's own.
    func logger(_ reader: ConfigReader) throws -> Logger {
        var logger = Logger(label: "market", factory: { StreamLogHandler.standardError(label: $0) })
        // MARKET_LOG_LEVEL: how much is logged. info
        let level = reader.string(forKey: "market.log.level", default: "info")
        guard let level = Logger.Level(rawValue: level) else {
            let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw ConfigurationError(key: "MARKET_LOG_LEVEL", due: "one of \(levels)")
        }
        logger.logLevel = level
        return logger
    }
}
