import Foundation
import PostgresCluster

/// PostgreSQL's own benchmark, one prepared statement per transaction.
struct Pgbench {
    let ground: Ground
    let seconds: Int
    var connections = 64

    /// - Parameter script: for pgbench; one statement.
    func measure(_ script: String) throws -> Figure {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-pgbench-\(UUID().uuidString).sql")
        try script.write(to: file, atomically: true, encoding: .utf8)
        let before = try ground.postgresTime()
        // `time` says what pgbench itself used: it stands where our server stands.
        let text = try Shell.run(
            "/usr/bin/env",
            [
                "bash", "-c", "TIMEFORMAT='client CPU %U %S'; time \"$0\" \"$@\"",
                try PostgresBinaries.folder().appending(path: "pgbench").path,
                "-n", "-M", "prepared", "-c", "\(connections)", "-j", "2", "-T", "\(seconds)", "-D", "n=0", "-f", file.path,
                "-h", ground.cluster.socketFolder.path, "-p", "\(ground.cluster.port)", "-U", PrivateCluster.owner, "postgres",
            ])
        let postgres = try ground.postgresTime() - before
        try FileManager.default.removeItem(at: file)
        guard let rate = text.firstMatch(of: /tps = ([0-9.]+)/).flatMap({ Double($0.1) }),
            let count = text.firstMatch(of: /actually processed: ([0-9]+)/).flatMap({ Double($0.1) }),
            let client = text.firstMatch(of: /client CPU ([0-9.]+) ([0-9.]+)/), let user = Double(client.1), let system = Double(client.2)
        else { throw BenchError("pgbench said: \(text)") }
        return Figure(rate: rate, cpu: (postgres + user + system) / count * 1e6, postgres: postgres / count * 1e6)
    }
}
