import PostgresCluster

/// One payment per request to the inbound route, against one payment per transaction.
struct PaymentsOverHTTP {
    let ground: Ground
    let server: ServerProcess
    let seconds: Int

    /// Subscribers on both sides: as many as a large market sees within minutes, so that few meet in one batch.
    private static let subscribers = 100_000
    /// The product's price and time; the time of the first payment, which each later one follows by a millisecond, as the runs follow each other.
    private static let (amount, addTime, start) = (50, 86_400_000, 1_700_000_000_000)

    /// - Parameter run: makes the trade numbers of this run its own.
    func ours(connections: Int, run: Int) throws -> Figure {
        let script = """
            local n = 0
            wrk.method = "POST"
            wrk.headers["Content-Type"] = "application/json"
            function request()
                n = n + 1
                return wrk.format(nil, nil, nil, string.format(
                    '{"action":"order_pay","data":{"addTime":\(Self.addTime),"amount":\(Self.amount),"appId":\(Ground.externalAppID),"createTime":%d,'
                    .. '"prodId":\(Ground.productOfOneResource),"tradeNo":"W\(run)%012d","type":1,"uid":"UID_wrk_%d"}}',
                    \(Self.start + run * 10_000_000) + n, n, math.random(\(Self.subscribers))))
            end
            """
        let before = (server: try ProcessTime.of(server.pid), postgres: try ground.postgresTime())
        let outcome = try LoadGenerator(connections: connections, seconds: seconds).send(
            to: "\(server.url)/v1/inbound/\(ground.secrets.inboundKey)", script: script)
        let used = (server: try ProcessTime.of(server.pid) - before.server, postgres: try ground.postgresTime() - before.postgres)
        // Every acknowledged one is stored; those that wrk left unread at its end may be, too.
        let stored = Int(try ground.psql("select count(*) from payment_event where trade_no like 'W\(run)%'")) ?? -1
        guard (outcome.completed...outcome.completed + connections).contains(stored) else {
            throw BenchError("\(outcome.completed) payments acknowledged, \(stored) stored")
        }
        say("    p50 \(two(outcome.p50)) ms, p99 \(two(outcome.p99)) ms")
        return Figure(
            rate: outcome.rate, cpu: (used.server + used.postgres) / Double(stored) * 1e6, postgres: used.postgres / Double(stored) * 1e6,
            generator: outcome.cpu / Double(stored) * 1e6, idle: outcome.idle)
    }

    /// The same rows, without any of the rules, in one statement and so in one round trip. Its trade numbers rise with time as ours do.
    func theirs(run: Int) throws -> Figure {
        try Pgbench(ground: ground, seconds: seconds).measure(
            """
            \\set n :n + 1
            \\set uid random(1, \(Self.subscribers))
            with event as (
                insert into payment_event (type, trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id,
                    commission_bps, source, ordinal, commit_position, recorded_at)
                values (1, 'P\(run)' || lpad((:n)::text, 8, '0') || (:client_id)::text, 'UID_pgbench_' || (:uid)::text, \(Self.start) + :n, 0, \(Self.addTime),
                    \(Self.amount), 2, 1, 999999, 1000, 2, 0, commit_position(), now_ms())
            )
            insert into paid_window (resource_id, uid, pay_end_time, last_event_time, payments, unmatched)
            values (999999, 'UID_pgbench_' || (:uid)::text, \(Self.start) + :n + \(Self.addTime), \(Self.start) + :n, 1, 0)
            on conflict (resource_id, uid) do update
            set pay_end_time = greatest(paid_window.pay_end_time, excluded.last_event_time) + \(Self.addTime),
                last_event_time = excluded.last_event_time, payments = paid_window.payments + 1
            """)
    }

    /// What pgbench wrote is none of the market's: it goes, so that the proof sees the market alone.
    func clear() throws {
        _ = try ground.psql("delete from payment_event where publisher_id = 999999; delete from paid_window where resource_id = 999999")
    }
}
