import Foundation
import PostgresCluster

/// PostgreSQL's own benchmark, one prepared statement per transaction.
struct Pgbench {
    let ground: Ground
    let seconds: Int
    var connections = 64
    var road = Road.socket

    /// How pgbench reaches PostgreSQL. On one machine a Unix socket costs the kernel about half of what TCP costs it.
    enum Road: String {
        /// As those come who ask our server, from wherever they are: what they would use in its place.
        case tcp = "TCP"
        /// As our server itself comes.
        case socket = "a Unix socket"
    }

    /// One look-up by a subscriber's uid, of one window, as the owner, for whom no policy has to be checked.
    func lookUp(_ subscribers: Subscribers) throws -> Figure {
        try measure(
            """
            \\set n random(0, \(subscribers.highest))
            select pay_end_time from paid_window where resource_id = \(ground.secrets.topicId) and uid = '\(Subscribers.prefix)' || (:n)::text
            """)
    }

    /// - Parameter script: for pgbench; one statement. `slice` in it is a number that no other slice has.
    func measure(_ script: String) throws -> Figure {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-pgbench-\(UUID().uuidString).sql")
        try script.write(to: file, atomically: true, encoding: .utf8)
        defer { unlink(file.path) }
        try ground.settle()
        _ = try slice(file.path, seconds: warmUp(of: seconds))
        return try slice(file.path, seconds: seconds)
    }

    private func slice(_ file: String, seconds: Int) throws -> Figure {
        let watch = try Stopwatch(ground)
        // `time` says what pgbench itself used: it stands where our server stands.
        let text = try Shell.run(
            "bash",
            [
                "-c", "TIMEFORMAT='client CPU %U %S'; time \"$0\" \"$@\"",
                try PostgresBinaries.folder().appending(path: "pgbench").path,
                "-n", "-M", "prepared", "-c", "\(connections)", "-j", "2", "-T", "\(seconds)", "-D", "n=0",
                "-D", "slice=\(ground.slices.next())", "-f", file,
                "-h", road == .tcp ? "127.0.0.1" : ground.cluster.socketFolder.path, "-p", "\(ground.cluster.port)", "-U",
                PrivateCluster.owner, "postgres",
            ])
        guard let rate = text.firstMatch(of: /tps = ([0-9.]+)/).flatMap({ Double($0.1) }),
            let count = text.firstMatch(of: /actually processed: ([0-9]+)/).flatMap({ Int($0.1) }),
            let client = text.firstMatch(of: /client CPU ([0-9.]+) ([0-9.]+)/), let user = Double(client.1), let system = Double(client.2)
        else { throw BenchError("pgbench said: \(text)") }
        if let failed = text.firstMatch(of: /number of failed transactions: ([0-9]+)/), failed.1 != "0" {
            throw BenchError("pgbench said: \(text)")
        }
        return try watch.figure(operations: count, rate: rate, own: user + system)
    }
}
