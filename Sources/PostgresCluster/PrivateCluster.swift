import Foundation
import Logging
import NIOConcurrencyHelpers

/// A PostgreSQL cluster of one's own: made in a folder, started as an unprivileged user, gone when this process is gone.
///
/// For development and tests: it listens on loopback and a Unix socket and asks nobody for a password.
public final class PrivateCluster: Sendable {
    /// Where its data is; not where it was asked for when the unprivileged user cannot get there.
    public let folder: URL
    public let port: Int
    public let socketFolder: URL
    private let settings: [String: String]
    private let binaries: URL
    private let runner: Runner
    private let logger: Logger
    private let guardian = NIOLockedValueBox<Guardian?>(nil)

    /// The superuser that owns the cluster.
    public static let owner = "market_owner"

    private init(folder: URL, socketFolder: URL, port: Int, settings: [String: String], binaries: URL, runner: Runner, logger: Logger) {
        self.folder = folder
        self.socketFolder = socketFolder
        self.port = port
        self.settings = settings
        self.binaries = binaries
        self.runner = runner
        self.logger = logger
    }

    /// Makes the cluster if it is not there, and starts it.
    ///
    /// - Parameters:
    ///   - folder: where the data goes. A folder that the unprivileged user cannot reach (a clone below /root) is replaced by one below /var/tmp.
    ///   - port: nil for a free one.
    ///   - settings: for postgresql.conf, on top of the defaults.
    /// - Throws: `PrivateClusterError`
    public static func start(folder: URL, port: Int? = nil, settings: [String: String] = [:], logger: Logger) throws -> PrivateCluster {
        let binaries = try PostgresBinaries.folder()
        let runner = try Runner()
        let folder = try reachable(folder, runner: runner, logger: logger)
        // The path of a Unix socket has room for 107 bytes, so it does not lie below the data.
        let sockets = URL(filePath: "/tmp/market-\(stableHash(folder.path))", directoryHint: .isDirectory)
        try FileManager.default.createDirectory(at: sockets, withIntermediateDirectories: true)
        try runner.own(sockets)
        let data = folder.appending(path: "data")
        if !FileManager.default.fileExists(atPath: data.appending(path: "PG_VERSION").path) {
            logger.info("making a PostgreSQL cluster", metadata: ["folder": "\(data.path)"])
            try runner.run([
                binaries.appending(path: "initdb").path, "--pgdata", data.path, "--username", owner, "--encoding", "UTF8", "--locale",
                "C.UTF-8",
                "--auth", "trust", "--data-checksums", "--no-instructions",
            ])
        }
        let cluster = PrivateCluster(
            folder: folder, socketFolder: sockets, port: try port ?? freePort(), settings: settings, binaries: binaries, runner: runner,
            logger: logger)
        try cluster.startServer()
        return cluster
    }

    private static func reachable(_ folder: URL, runner: Runner, logger: Logger) throws -> URL {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try runner.own(folder)
        if runner.canUse(folder) { return folder }
        let other = URL(filePath: "/var/tmp/market-\(stableHash(folder.path))", directoryHint: .isDirectory)
        logger.notice(
            "PostgreSQL's user cannot reach the folder; using another", metadata: ["folder": "\(folder.path)", "used": "\(other.path)"])
        try FileManager.default.createDirectory(at: other, withIntermediateDirectories: true)
        try runner.own(other)
        return other
    }

    /// FNV-1a: the same folder gets the same name in every run, which Swift's hash does not promise.
    private static func stableHash(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return String(hash, radix: 16)
    }

    /// A libpq URI over loopback.
    public func url(database: String = "postgres", user: String = PrivateCluster.owner) -> String {
        "postgresql://\(user)@127.0.0.1:\(port)/\(database)"
    }

    /// A libpq URI over the Unix socket, which costs less per round trip.
    public func socketURL(database: String = "postgres", user: String = PrivateCluster.owner) -> String {
        let host = socketFolder.path.replacing("/", with: "%2F")
        return "postgresql://\(user)@\(host):\(port)/\(database)"
    }

    /// Starts the server again after `stop` or `kill`.
    public func startServer() throws {
        let started = try Guardian(
            runner: runner, postgres: binaries.appending(path: "postgres"), data: folder.appending(path: "data"), port: port,
            sockets: socketFolder, settings: settings)
        try started.waitUntilReady(isready: binaries.appending(path: "pg_isready"), socketFolder: socketFolder, port: port)
        guardian.withLockedValue { $0 = started }
    }

    /// Stops the server and waits until it is gone.
    public func stop(_ mode: StopMode = .fast) {
        guardian.withLockedValue { guardian in
            guardian?.stop(mode)
            guardian = nil
        }
    }

    /// Kills all of the server's processes as a power cut would.
    public func kill() {
        guardian.withLockedValue { guardian in
            guardian?.kill()
            guardian = nil
        }
    }

    /// Whether the server takes connections just now.
    package func answers() -> Bool {
        // pg_isready says why not by its exit status alone; any but 0 is no.
        (try? Shell.run(binaries.appending(path: "pg_isready").path, ["-h", socketFolder.path, "-p", "\(port)", "-t", "3"])) != nil
    }

    /// The server's main process; nil while it is stopped.
    public var postmasterPID: Int32? { guardian.withLockedValue { $0?.postmasterPID } }

    /// A port that nobody listens on, below the range that the system hands to clients.
    package static func freePort() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 20_000..<32_000)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            guard descriptor >= 0 else { continue }
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            let bound = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            if bound == 0 { return port }
        }
        throw PrivateClusterError.didNotStart(log: "no free port between 20000 and 32000")
    }
}
