import Foundation
import Logging
import PostgresCluster

/// What every measurement stands on: one PostgreSQL with fsync and synchronous_commit on, one demo market in it, one server on that.
struct Ground {
    let cluster: PrivateCluster
    let folder: URL
    let market: String
    let secrets: Secrets
    private let hugePages: HugePages?
    let slices = SliceNumbers()

    /// Whether PostgreSQL was lent some.
    var hasHugePages: Bool { hugePages != nil }

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

    /// - Parameters:
    ///   - market: path of the `market` program to be measured.
    ///   - name: tells two grounds of one run apart.
    ///   - lendsHugePages: whether PostgreSQL gets huge pages, where the system gives some.
    /// - Throws: also when what would be measured is not durable.
    static func make(market: String, name: String = "bench", lendsHugePages: Bool, logger: Logger) throws -> Ground {
        let folder = FileManager.default.temporaryDirectory.appending(
            path: "market-\(name)-\(ProcessInfo.processInfo.processIdentifier)")
        // A quarter of the machine's memory, as PostgreSQL's documentation advises (19.4.1), and a checkpoint only now and then, for both sides alike.
        let buffers = Int(ProcessInfo.processInfo.physicalMemory / (4 << 20))
        let hugePages = lendsHugePages ? HugePages(for: buffers << 20) : nil
        let cluster = try PrivateCluster.start(
            folder: folder,
            settings: [
                "shared_buffers": "\(buffers)MB",
                "max_wal_size": "16GB", "checkpoint_timeout": "1h", "max_connections": "200",
            ], logger: logger)
        do {
            let ground = Ground(cluster: cluster, folder: folder, market: market, secrets: try seed(cluster, market), hugePages: hugePages)
            say(try Durability(ground).text)
            return ground
        } catch {
            remove(cluster, folder)
            hugePages?.giveBack()
            throw error
        }
    }

    /// Makes the demo market, and the role that serves it.
    private static func seed(_ cluster: PrivateCluster, _ market: String) throws -> Secrets {
        let url = cluster.socketURL()
        _ = try Shell.run(market, ["migrate", "--database-url", url, "--log-level", "warning"])
        // The server refuses to log in as the superuser that owns the cluster.
        _ = try Shell.run(
            try PostgresBinaries.folder().appending(path: "psql").path,
            ["-Xq", url, "-c", "create role \(serverLogin) login", "-c", "grant market_server to \(serverLogin)"])
        let seeded = try Shell.run(market, ["demo", "seed", "--database-url", url])
        guard let line = seeded.split(separator: "\n").last(where: { $0.hasPrefix("{") }) else { throw BenchError("no secrets: \(seeded)") }
        return try JSONDecoder().decode(Secrets.self, from: Data(line.utf8))
    }

    func remove() {
        Self.remove(cluster, folder)
        hugePages?.giveBack()
    }

    private static func remove(_ cluster: PrivateCluster, _ folder: URL) {
        cluster.stop()
        // The cluster's is another where PostgreSQL's user could not reach the one that was asked for.
        for folder in Set([folder.path, cluster.folder.path]) {
            do {
                try FileManager.default.removeItem(atPath: folder)
            } catch {
                say("cannot remove \(folder): \(error)")
            }
        }
    }

    /// Processor seconds that PostgreSQL has used so far, all its processes.
    func postgresTime() throws -> Double {
        guard let pid = cluster.postmasterPID else { throw BenchError("PostgreSQL does not run") }
        return try ProcessTime.ofTree(pid)
    }

    /// What a statement answers, as its owner, without a header.
    func psql(_ statement: String) throws -> String {
        let command = try psqlCommand(statement)
        return try Shell.run(command[0], Array(command.dropFirst())).trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// psql with a statement, as the owner.
    func psqlCommand(_ statement: String) throws -> [String] {
        [
            try PostgresBinaries.folder().appending(path: "psql").path,
            "-XqAt", "-h", cluster.socketFolder.path, "-p", "\(cluster.port)", "-U", PrivateCluster.owner, "-c", statement, "postgres",
        ]
    }

    /// Does what earlier work has left PostgreSQL to do, before a slice of either side is measured, so that it is no part of that slice.
    func settle() throws {
        // Alone: it runs in no transaction, which several statements of one `-c` would be.
        _ = try psql("vacuum analyze")
        try settleEmpty()
    }

    /// The same for a market that was just emptied: there is nothing to vacuum, and to analyze it would teach PostgreSQL that it is always empty.
    func settleEmpty() throws {
        _ = try psql("checkpoint")
    }

    /// The stored windows are those that the events give, and no invariant is broken.
    func prove() throws {
        _ = try Shell.run(market, ["verify", "--database-url", cluster.socketURL()])
    }
}

/// To whoever started the bench; where he has gone, what was started is undone as ever.
func say(_ text: String) { Console.say(text) }
