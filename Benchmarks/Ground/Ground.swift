import Foundation
import Logging
import PostgresCluster

/// What every measurement stands on: one PostgreSQL with fsync and synchronous_commit on, one demo market in it, one server on that.
struct Ground {
    let cluster: PrivateCluster
    let folder: URL
    let market: String
    let secrets: Secrets

    /// What `market demo seed` prints.
    struct Secrets: Decodable {
        let publisherId: Int64
        let apiKey: String
        let appId: Int64
        let topicId: Int64
        let inboundUrl: String
        var inboundKey: String { String(inboundUrl.split(separator: "/").last ?? "") }
    }

    /// The platform's number of the demo product that bundles the topic alone: a payment of it writes one event and one window.
    static let productOfOneResource = 13
    static let externalAppID = 30_630
    /// As what the server logs in.
    static let serverLogin = "market_app"

    /// - Parameter market: path of the `market` program to be measured.
    static func make(market: String, logger: Logger) throws -> Ground {
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-bench-\(ProcessInfo.processInfo.processIdentifier)")
        let cluster = try PrivateCluster.start(
            folder: folder,
            settings: [
                // Room for the working set of some million events, and a checkpoint only now and then, for both sides alike.
                "shared_buffers": "2GB", "max_wal_size": "16GB", "max_connections": "200",
            ], logger: logger)
        let url = cluster.socketURL()
        _ = try Shell.run(market, ["migrate", "--database-url", url, "--log-level", "warning"])
        // The server refuses to log in as the superuser that owns the cluster.
        _ = try Shell.run(
            try PostgresBinaries.folder().appending(path: "psql").path,
            ["-Xq", url, "-c", "create role \(serverLogin) login", "-c", "grant market_server to \(serverLogin)"])
        let seeded = try Shell.run(market, ["demo", "seed", "--database-url", url])
        guard let line = seeded.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else { throw BenchError("no secrets: \(seeded)") }
        return Ground(
            cluster: cluster, folder: folder, market: market, secrets: try JSONDecoder().decode(Secrets.self, from: Data(line.utf8)))
    }

    func remove() {
        cluster.stop()
        do {
            try FileManager.default.removeItem(at: folder)
        } catch {
            say("cannot remove \(folder.path): \(error)")
        }
    }

    /// Processor seconds that PostgreSQL has used so far, all its processes.
    func postgresTime() throws -> Double {
        guard let pid = cluster.postmasterPID else { throw BenchError("PostgreSQL does not run") }
        return try ProcessTime.ofTree(pid)
    }

    /// What a statement answers, as its owner, without a header.
    func psql(_ statement: String) throws -> String {
        try Shell.run(
            try PostgresBinaries.folder().appending(path: "psql").path,
            ["-XqAt", "-h", cluster.socketFolder.path, "-p", "\(cluster.port)", "-U", PrivateCluster.owner, "-c", statement, "postgres"]
        ).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// The stored windows are those that the events give, and no invariant is broken.
    func prove() throws {
        _ = try Shell.run(market, ["verify", "--database-url", cluster.socketURL()])
    }
}

/// At once, also into a pipe.
func say(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
}
