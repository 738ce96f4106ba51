import Foundation
import PostgresCluster

/// One payment per request to the inbound route, against one payment per transaction.
///
/// Both sides pay for so many subscribers at random, each of whom has one window already, made by one payment.
struct PaymentsOverHTTP {
    let ground: Ground
    /// The load is spread over these evenly.
    let servers: [ServerProcess]
    let seconds: Int

    /// As many as a large market sees within minutes, so that few meet in one batch.
    private static let subscribers = 100_000
    /// The product's price and time; the time of the payments that made the windows, which each later one follows by a millisecond, as slices follow
    /// each other.
    private static let (amount, addTime, start) = (50, 86_400_000, 1_700_000_000_000)
    /// Payments of one slice have times of their own up to this number, which is 2,000 a second for an hour, or 30,000 for five minutes.
    private static let timesOfSlice = 10_000_000
    /// What pgbench writes goes to a resource and a publisher that nobody has, so that it can be told apart.
    private static let nobody = 999_999

    func rows(runs: Int) throws -> [Row] {
        var ours: [Int: [Figure]] = [:]
        var (theirs, bySocket): ([Figure], [Figure]) = ([], [])
        try tidied(by: clear) {
            try prefillOurs()
            try prefillTheirs()
            for run in 1...runs {
                try inTurn(
                    run,
                    [
                        { ours[64, default: []].append(try self.ours(connections: 64)) }, { theirs.append(try self.theirs(by: .tcp)) },
                        { ours[256, default: []].append(try self.ours(connections: 256)) },
                        { bySocket.append(try self.theirs(by: .socket)) },
                    ])
            }
        }
        return [(64, 2.0), (256, 2.5)].flatMap { connections, rate in
            let operation = "one payment per request, \(connections) connections"
            let figure = Figure.median(ours[connections] ?? [])
            return [
                Row(
                    operation: operation, ours: figure, against: "pgbench -c 64 by TCP, the same rows", theirs: .median(theirs),
                    goals: [.init(measure: .rate, limit: rate), .init(measure: .cpu, limit: 0.75)]),
                // A road that no caller of ours has, for comparison.
                Row(operation: operation, ours: figure, against: "the same by a Unix socket", theirs: .median(bySocket), goals: []),
            ]
        }
    }

    /// Makes the windows of our side, unless they are there.
    func prefillOurs() throws {
        let windows = "select count(*) from paid_window where resource_id = \(ground.secrets.topicId) and uid like 'UID_wrk_%'"
        guard try ground.psql(windows) != "\(Self.subscribers)" else { return }
        let history = ground.folder.appending(path: "first-payments.ndjson")
        let lines = (1...Self.subscribers).map { n in
            """
            {"addTime":\(Self.addTime),"amount":\(Self.amount),"appId":\(Ground.externalAppID),"createTime":\(Self.start),\
            "prodId":\(Ground.productOfOneResource),"tradeNo":"W00000-\(pad(n, to: 20))","type":1,"uid":"UID_wrk_\(n)"}

            """
        }
        try lines.joined().write(to: history, atomically: false, encoding: .utf8)
        _ = try ground.importing(history.path)
        unlink(history.path)
        let made = try ground.psql(windows)
        guard made == "\(Self.subscribers)" else { throw BenchError("\(made) of \(Self.subscribers) windows were made") }
    }

    /// - Parameter connections: to all servers together.
    func ours(connections: Int) throws -> Figure {
        try prefillOurs()
        try ground.settle()
        _ = try slice(connections, warmUp(of: seconds))
        let (figure, outcomes) = try slice(connections, seconds)
        for outcome in outcomes {
            say("    payments, \(connections) connections: \(Int(outcome.rate))/s, p50 \(two(outcome.p50)) ms, p99 \(two(outcome.p99)) ms")
        }
        return figure
    }

    private func slice(_ connections: Int, _ seconds: Int) throws -> (Figure, [LoadGenerator.Outcome]) {
        let slice = slice(connections: connections)
        let watch = try Stopwatch(ground, servers: servers)
        let outcomes = try LoadGenerator(seconds: seconds).send(to: slice.targets)
        let completed = outcomes.map(\.completed).reduce(0, +)
        let figure = try watch.figure(operations: completed, rate: outcomes.map(\.rate).reduce(0, +))
        try requireStored(completed, of: slice, connections: connections)
        return (figure, outcomes)
    }

    struct Slice {
        let number: Int
        let targets: [LoadGenerator.Target]
    }

    /// Payments with numbers of their own, one target for each server.
    func slice(connections: Int) -> Slice {
        let number = ground.slices.next()
        precondition(number < 100_000, "the number of a slice has five digits in a trade number")
        return Slice(
            number: number,
            targets: servers.enumerated().map { index, server in
                LoadGenerator.Target(
                    url: "\(server.url)/v1/inbound/\(ground.secrets.inboundKey)", connections: connections / servers.count,
                    script: script(slice: number, server: index))
            })
    }

    /// - Throws: unless every acknowledged one is stored; those that wrk left unread at its end may be, too.
    func requireStored(_ completed: Int, of slice: Slice, connections: Int) throws {
        let number = pad(slice.number, to: 5)
        let stored = Int(try ground.psql("select count(*) from payment_event where trade_no like 'W\(number)-%'")) ?? -1
        guard (completed...completed + connections).contains(stored) else {
            throw BenchError("\(completed) payments acknowledged, \(stored) stored")
        }
    }

    /// Trade numbers are as long as the hosted platform's, 27 characters, and rise with time as those do.
    private func script(slice: Int, server: Int) -> String {
        """
        math.randomseed(\(slice * 10 + server))
        wrk.method = "POST"
        wrk.headers["Content-Type"] = "application/json"
        local n = 0
        local start = '{"action":"order_pay","data":{"addTime":\(Self.addTime),"amount":\(Self.amount),"appId":\(Ground.externalAppID),"createTime":'
        local trade = ',"prodId":\(Ground.productOfOneResource),"tradeNo":"W\(pad(slice, to: 5))-00000000'
        local uid = '-\(server)","type":1,"uid":"UID_wrk_'
        local head, rest
        function init()
            -- The head as wrk makes it, around the length of the body.
            wrk.body = "?"
            local length, text = "Content-Length: ", wrk.format()
            local first, last = text:find(length .. "1", 1, true)
            head, rest = text:sub(1, first - 1) .. length, text:sub(last + 1, -2)
        end
        function request()
            n = n + 1
            local body = start .. \(Self.start + slice * Self.timesOfSlice) + n .. trade .. 1000000000 + n .. uid .. math.random(\(Self.subscribers)) .. '"}}'
            return head .. #body .. rest .. body
        end
        """
    }

    /// Makes the windows of the other side, unless they are there.
    func prefillTheirs() throws {
        guard try ground.psql("select count(*) from paid_window where resource_id = \(Self.nobody)") == "0" else { return }
        _ = try ground.psql(
            """
            insert into payment_event (\(Self.columns))
            select 1, 'P00000-' || lpad(n::text, 16, '0') || '-000', 'UID_pgbench_' || n::text, \(Self.start), 0, \(Self.addTime), \(Self.amount), 2, 1,
                \(Self.nobody), 1000, 2, 0, commit_position(), now_ms()
            from generate_series(1, \(Self.subscribers)) n
            """)
        _ = try ground.psql(
            """
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            select \(Self.nobody), 'UID_pgbench_' || n::text, \(Self.start + Self.addTime), \(Self.start), 1, 0
            from generate_series(1, \(Self.subscribers)) n
            """)
    }

    private static let columns =
        "type, trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps, source, ordinal, "
        + "commit_position, recorded_at"

    /// The same rows, without any of the rules, in one statement and so in one round trip. Its trade numbers are as long as ours and rise with time as
    /// ours do.
    func theirs(by road: Pgbench.Road) throws -> Figure {
        try prefillTheirs()
        return try Pgbench(ground: ground, seconds: seconds, road: road).measure(
            """
            \\set n :n + 1
            \\set uid random(1, \(Self.subscribers))
            \\set time \(Self.start) + :slice * \(Self.timesOfSlice) + :n
            with event as (
                insert into payment_event (\(Self.columns))
                values (1, 'P' || lpad((:slice)::text, 5, '0') || '-' || lpad((:n)::text, 16, '0') || '-' || lpad((:client_id)::text, 3, '0'),
                    'UID_pgbench_' || (:uid)::text, (:time)::bigint, 0, \(Self.addTime), \(Self.amount), 2, 1, \(Self.nobody), 1000, 2, 0, commit_position(), now_ms())
            )
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            values (\(Self.nobody), 'UID_pgbench_' || (:uid)::text, (:time)::bigint + \(Self.addTime), (:time)::bigint, 1, 0)
            on conflict (resource_id, uid) do update
            set pay_end_time = greatest(paid_window.pay_end_time, excluded.last_event_time) + \(Self.addTime),
                last_event_time = excluded.last_event_time, payments = paid_window.payments + 1
            """)
    }

    /// What pgbench wrote is none of the market's: it goes, so that the proof sees the market alone; and so do the holes that it would leave, which
    /// would take up what the market records next.
    func clear() throws {
        _ = try ground.psql(
            "delete from payment_event where publisher_id = \(Self.nobody); delete from paid_window where resource_id = \(Self.nobody)")
        _ = try ground.psql("vacuum full payment_event, paid_window")
    }

    private func pad(_ number: Int, to width: Int) -> String {
        let digits = "\(number)"
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
