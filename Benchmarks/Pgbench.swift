import Foundation
import PostgresCluster

/// PostgreSQL's own benchmark, writing what one payment writes, one payment per transaction, from 64 connections.
struct Pgbench {
    let cluster: PrivateCluster
    let seconds: Int

    /// The same rows as the server writes: the event, and the window as a plain upsert without any of the rules.
    private static let script = """
        \\set uid random(1, 12500)
        \\set trade random(1, 9000000000000)
        begin;
        insert into payment_event (type, trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps,
            source, ordinal, commit_position, recorded_at)
        values (1, 'PGB' || :trade, 'UID_pgbench' || :uid, 1700000000000, 0, 86400000, 50, 1, 1, 1, 0, 3, 0, commit_position(), now_ms())
        on conflict do nothing;
        insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
        values (999999, 'UID_pgbench' || :uid, 1700086400000, 1700000000000, 1, 0)
        on conflict (resource_id, uid) do update set pay_end_time = paid_window.pay_end_time + 86400000, payments = paid_window.payments + 1;
        commit;
        """

    /// Transactions a second.
    func measure() throws -> Double {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-pgbench-\(UUID().uuidString).sql")
        try Self.script.write(to: file, atomically: true, encoding: .utf8)
        let text = try Shell.run(
            try PostgresBinaries.folder().appending(path: "pgbench").path,
            [
                "-n", "-M", "prepared", "-c", "64", "-j", "2", "-T", "\(seconds)", "-f", file.path, "-h", cluster.socketFolder.path,
                "-p", "\(cluster.port)", "-U", PrivateCluster.owner, "postgres",
            ])
        try FileManager.default.removeItem(at: file)
        guard let rate = text.firstMatch(of: /tps = ([0-9.]+)/).flatMap({ Double($0.1) }) else {
            throw PrivateClusterError.commandFailed(command: "pgbench", output: text)
        }
        // What pgbench wrote is none of the market's: it goes, so that the proof behind the next run sees the market alone.
        try clear()
        return rate
    }

    private func clear() throws {
        _ = try Shell.run(
            try PostgresBinaries.folder().appending(path: "psql").path,
            [
                "-q", "-h", cluster.socketFolder.path, "-p", "\(cluster.port)", "-U", PrivateCluster.owner, "-c",
                "delete from payment_event where trade_no like 'PGB%'; delete from paid_window where resource_id = 999999", "postgres",
            ])
    }
}
