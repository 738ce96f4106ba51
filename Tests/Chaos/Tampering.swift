import PGClient

/// Hands in the database, as the owner: what the comparison of windows, `market verify` and the count of rows are there to find. Each is a control.
enum Tampering {
    /// Sets the windows of a round to what a sum in the order of arrival makes of their events, and puts them right again.
    static func windows(of journal: Journal, on stage: Stage) async throws -> [String] {
        let what = "windows as a sum in the order of arrival makes them"
        let misjudged = try await Check(journal, on: stage).misjudged
        guard !misjudged.isEmpty else { return Control.notFound(what, "no window of the round would be another") }
        try await set(misjudged.map { ($0.key, $0.byArrival) }, on: stage)
        let found = try await Check(journal, on: stage).wrongWindows.count
        let output = try await stage.verify() ?? "nothing"
        try await set(misjudged.map { ($0.key, $0.due) }, on: stage)
        guard found == misjudged.count else { return Control.notFound(what, "the comparison found \(found) of \(misjudged.count)") }
        guard output.contains(", \(misjudged.count) drifted") else { return Control.notFound(what, "market verify found \(output)") }
        Control.found(what, "\(found) windows by the comparison, as many by market verify")
        guard try await Check(journal, on: stage).isClean, try await stage.verify() == nil else {
            return ["the windows were put right again, and are found wrong"]
        }
        return []
    }

    /// Adds an event that no round sent, where no round looks. It stays: nothing may follow on this stage.
    static func strayRow(on stage: Stage) async throws -> [String] {
        let what = "an event in a place where no round looks"
        let before = try await Totals.counted(on: stage)
        let (trade, uid) = ("STRAY-1", "STRAY_1")
        try await stage.owning { client in
            _ = try await client.run(
                SQL(
                    """
                    insert into payment_event (
                        type, trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps, source,
                        ordinal, commit_position, recorded_at)
                    select type, \(trade), \(uid), create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps,
                           source, 0, commit_position(), recorded_at
                    from payment_event
                    where type = 1
                    limit 1
                    """
                ).execute)
        }
        let counted = try await Totals.counted(on: stage)
        guard counted != before else { return Control.notFound(what, "\(counted)") }
        Control.found(what, "\(counted.events) events where \(before.events) are due")
        return []
    }

    private static func set(_ ends: [(key: Check.Key, end: Int64)], on stage: Stage) async throws {
        let (resources, uids, values) = (ends.map(\.key.resource), ends.map(\.key.uid), ends.map(\.end))
        let count = try await stage.owning { client in
            try await client.run(
                SQL(
                    """
                    update paid_window w
                    set pay_end_time = t.pay_end_time
                    from unnest(\(resources), \(uids), \(values)) as t (resource_id, uid, pay_end_time)
                    where w.resource_id = t.resource_id and w.uid = t.uid collate "C"
                    """
                ).execute)
        }
        guard count == ends.count else { throw ChaosError("\(count) of \(ends.count) windows were set") }
    }
}
