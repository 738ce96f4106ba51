import Billing
import Configuration
import PGClient
import ProductCatalog

/// What the server is told from outside: on the command line, in the environment, in a file, in this order.
struct ServerSettings: Sendable {
    var databaseURL: String
    var host: String
    var port: Int
    /// How the world reaches the server, without a slash at the end.
    var publicURL: String
    var operatorToken: String?
    var databaseConnections: Int
    /// Serves on a database that could lose or rewrite what was acknowledged.
    var allowsUnsafeDatabase = false

    /// All keys with the program's prefix, as the environment names them.
    static let keys = [
        "MARKET_HOST", "MARKET_PORT", "MARKET_PUBLIC_URL", "MARKET_OPERATOR_TOKEN", "MARKET_DATABASE_CONNECTIONS",
        "MARKET_ALLOW_UNSAFE_DATABASE", "MARKET_LOG_LEVEL",
    ]

    /// What a port may be; 0 is any free one.
    static let ports = 0...65_535

    /// Of fewer characters a token can be guessed.
    static let shortestOperatorToken = 16

    init(databaseURL: String, host: String = "127.0.0.1", port: Int = 8080, publicURL: String? = nil, operatorToken: String? = nil) {
        self.databaseURL = databaseURL
        self.host = host
        self.port = port
        self.publicURL = publicURL ?? Self.defaultPublicURL(host, port)
        self.operatorToken = operatorToken
        databaseConnections = 12
    }

    /// - Throws: `ConfigurationError` that says which key is at fault and what is due; a missing DATABASE_URL is one.
    init(_ reader: ConfigReader) throws {
        // DATABASE_URL: where the database is; a libpq URI (postgresql://user@host/database?sslmode=verify-full) or keyword string. Required.
        databaseURL = try Self.required(reader, "database.url")
        // MARKET_HOST: the address to listen on; 0.0.0.0 for all. 127.0.0.1
        host = reader.string(forKey: "market.host", default: "127.0.0.1")
        // MARKET_PORT: the port to listen on. 8080
        port = try Self.integer(reader, "market.port", default: 8080, in: Self.ports)
        // MARKET_PUBLIC_URL: how the world reaches the server; inbound addresses begin with it. http://HOST:PORT
        if let given = reader.string(forKey: "market.public.url") {
            guard let url = PublicURL.read(given) else { throw ConfigurationError(key: "MARKET_PUBLIC_URL", due: PublicURL.due) }
            publicURL = url
        } else {
            publicURL = Self.defaultPublicURL(host, port)
        }
        // MARKET_OPERATOR_TOKEN: the token that runs the market; 16 characters at least. Without it the operator's routes are closed.
        operatorToken = reader.string(forKey: "market.operator.token", isSecret: true).flatMap { $0.isEmpty ? nil : $0 }
        if let operatorToken {
            // What a client can send behind "Bearer".
            guard operatorToken.utf8.count >= Self.shortestOperatorToken, operatorToken.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else {
                throw ConfigurationError(
                    key: "MARKET_OPERATOR_TOKEN",
                    due: "a token of \(Self.shortestOperatorToken) or more ASCII letters, digits and signs without spaces")
            }
        }
        // MARKET_DATABASE_CONNECTIONS: connections to the database at most. 12
        databaseConnections = try Self.integer(reader, "market.database.connections", default: 12, in: Self.connections)
        // MARKET_ALLOW_UNSAFE_DATABASE: 1 serves on a database that could lose or rewrite what was acknowledged, and logs why it could. 0
        allowsUnsafeDatabase = try Self.integer(reader, "market.allow.unsafe.database", default: 0, in: 0...1) == 1
    }

    private static func defaultPublicURL(_ host: String, _ port: Int) -> String {
        "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
    }

    private static func required(_ reader: ConfigReader, _ key: ConfigKey) throws -> String {
        guard let value = reader.string(forKey: key, isSecret: true), !value.isEmpty else {
            throw ConfigurationError(key: key.environmentName, due: "a value")
        }
        return value
    }

    /// A number as text, so that one that is none is refused instead of passed over for the default.
    private static func integer(_ reader: ConfigReader, _ key: ConfigKey, default standard: Int, in range: ClosedRange<Int>) throws -> Int {
        guard let text = reader.string(forKey: key) else { return standard }
        guard let value = Int(text), range.contains(value) else {
            throw ConfigurationError(key: key.environmentName, due: "an integer from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// Where the hosted platform delivers the callbacks of an app.
    func inboundURL(_ key: AccessToken) -> String { "\(publicURL)/v1/inbound/\(key.secret)" }

    /// The server's own connections: never as the owner of the schema, whoever logs in.
    var database: PGClient.Configuration { database(databaseConnections - recordingConnections, EventRecorder.sessionSettings) }

    /// Those that recording and the checks of windows have for themselves, so that no long question is in the way of a payment.
    var recording: PGClient.Configuration { database(recordingConnections, EventRecorder.recordingSettings) }

    /// With fewer an audience and a count, which take one each, would leave none to say who is calling.
    private static let connections = 4...500

    /// A third, and no more than are of use: transactions of large batches, and look-ups, as they come.
    private var recordingConnections: Int { max(1, min(3, (databaseConnections + 1) / 3)) }

    private func database(_ connections: Int, _ settings: [String: String]) -> PGClient.Configuration {
        var configuration = PGClient.Configuration(url: databaseURL)
        configuration.maxConnections = connections
        configuration.settings = settings.merging(["role": "market_server"]) { $1 }
        return configuration
    }
}

/// A key of the configuration that is missing or wrong.
struct ConfigurationError: Error, CustomStringConvertible {
    /// As the environment names it.
    let key: String
    let due: String

    var description: String { "\(key): \(due) is due (set it in the environment, in the file given by --config, or on the command line)" }
}

extension ConfigKey {
    fileprivate var environmentName: String { components.map { $0.uppercased() }.joined(separator: "_") }
}
