import Foundation
import PostgresCluster

/// A made-up payment history as `market demo history` writes it, kept in a file below the temporary folder.
struct History {
    let events: Int
    var seed = 1
    /// When it ends, in ms since 1970; it is two years long. Nil for the program's default.
    var end: Int64?

    /// Two years, which a history is long.
    static let length: Int64 = 730 * 86_400_000

    /// Written anew each time: the program may write another than an earlier one did.
    func file(of ground: Ground) throws -> String {
        let name = "market-bench-history-\(events)-\(seed)\(end.map { "-\($0)" } ?? "").ndjson"
        let file = ground.folder.deletingLastPathComponent().appending(path: name).path
        let options = "--events \(events) --seed \(seed)\(end.map { " --end \($0)" } ?? "")"
        _ = try Shell.run("/bin/sh", ["-c", "exec \"$0\" demo history \(options) > \"$1\"", ground.market, file])
        return file
    }
}

extension Ground {
    /// Arguments of the program to import a history.
    func importArguments(_ history: String) -> [String] {
        ["import", "--quiet", "--publisher", "\(secrets.publisherId)", "--database-url", cluster.socketURL(), history]
    }

    /// Imports a history by `market import`.
    ///
    /// - Returns: processor seconds of the program.
    func importing(_ history: String) throws -> Double {
        let text = try Shell.run(
            "/usr/bin/env",
            ["bash", "-c", "TIMEFORMAT='client CPU %U %S'; time \"$0\" \"$@\"", market] + importArguments(history))
        guard let client = text.firstMatch(of: /client CPU ([0-9.]+) ([0-9.]+)/), let user = Double(client.1), let system = Double(client.2)
        else { throw BenchError("import said: \(text)") }
        return user + system
    }

    /// Forgets every event and window.
    func clear() throws {
        _ = try psql("truncate payment_event, paid_window, quarantine")
    }

    /// How many events of histories are stored.
    func storedOfHistories() throws -> Int {
        Int(try psql("select count(*) from payment_event where uid like '\(Subscribers.prefix)%'")) ?? -1
    }
}

extension ServerProcess {
    /// Posts a history to the backfill route.
    func post(_ history: String, of ground: Ground) throws {
        _ = try Shell.run(
            "/usr/bin/curl",
            [
                "-fsS", "-o", "/dev/null", "-T", history, "-X", "POST", "-H", "Authorization: Bearer \(ground.secrets.apiKey)", "-H",
                "Content-Type: application/x-ndjson", "\(url)/v1/payment-events",
            ])
    }
}
