import Foundation
import PostgresCluster

/// A made-up payment history as `market demo history` writes it, kept in a file that goes with the ground.
struct History {
    let events: Int
    var seed = 1

    func file(of ground: Ground) throws -> String {
        let file = ground.folder.appending(path: "history-\(events)-\(seed).ndjson").path
        _ = try Shell.run(
            "sh", ["-c", "exec \"$0\" demo history --events \(events) --seed \(seed) > \"$1\"", ground.market, file])
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
            "bash", ["-c", "TIMEFORMAT='client CPU %U %S'; time \"$0\" \"$@\"", market] + importArguments(history))
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
    /// Posts a history to the backfill route. Without asking first whether it may: curl would wait a second for that answer.
    func post(_ history: String, of ground: Ground) throws {
        _ = try Shell.run(
            "curl",
            [
                "-fsS", "-o", "/dev/null", "-T", history, "-X", "POST", "-H", "Authorization: Bearer \(ground.secrets.apiKey)", "-H",
                "Content-Type: application/x-ndjson", "-H", "Expect:", "\(url)/v1/payment-events",
            ])
    }
}
