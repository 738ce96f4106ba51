import Foundation
import PostgresCluster

/// `market serve` on the ground's PostgreSQL.
final class ServerProcess {
    let url: String
    private let process = Process()

    var pid: Int32 { process.processIdentifier }

    /// Starts and waits until it is ready.
    init(_ ground: Ground, port: Int = 28_080) throws {
        url = "http://127.0.0.1:\(port)"
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal", ground.market, "serve", "--port", "\(port)", "--log-level", "info"]
        var environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("MARKET_") }
        environment["DATABASE_URL"] = ground.cluster.socketURL(user: Ground.serverLogin)
        // Room for four audiences beside the places of four whose readers are through already, but which the server is yet to hear of.
        environment["MARKET_DATABASE_CONNECTIONS"] = "20"
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        // A line for each request is written, as in production; nobody reads it here.
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        // Not before it answers, and not for ever.
        _ = try Shell.run(
            "curl", ["-fsS", "--retry", "50", "--retry-delay", "1", "--retry-all-errors", "-o", "/dev/null", "\(url)/readyz"])
    }

    func stop() {
        process.terminate()
        process.waitUntilExit()
    }
}
