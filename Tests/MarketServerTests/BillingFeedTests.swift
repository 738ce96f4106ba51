import Foundation
import HTTPTypes
import PGClient
import PostgresCluster
import TestSupport
import Testing

@testable import MarketServer

@Suite("The event feed and those who follow it")
struct BillingFeedTests {
    private typealias Event = BillingShop.Event

    /// Ends the other transaction without a commit.
    private struct GivenUp: Error {}

    @Test(
        "an event whose transaction began early and commits late is not skipped, and nothing behind it is shown before",
        arguments: [true, false])
    func lateCommit(commits: Bool) async throws {
        try await FaultServer.with { server, cluster in
            let shop = try await BillingShop(server)
            try await shop.callback(Event(tradeNo: "trade-first"), expecting: 200)
            let first = try await shop.feed(of: 1)
            let cursor = try #require(first.last?["cursor"]?.string)
            try await withClient(cluster.url(), { $0.settings = ["role": "market_server"] }) { other in
                do {
                    try await other.transaction { transaction in
                        _ = try await transaction.run(Self.late(shop))
                        try await withThrowingTaskGroup(of: Void.self) { group in
                            for number in 1...20 {
                                group.addTask { try await shop.callback(Event(tradeNo: "trade-\(number)"), expecting: 200) }
                            }
                            try await group.waitForAll()
                        }
                        #expect(try await shop.payEndTime("UID_xxxxxxx") == 1_664_118_481_675 + 21 * 86_400_000)
                        for _ in 0..<5 { #expect(try await shop.feed(after: cursor) == []) }
                        #expect(try await shop.feed().count == 1)
                        if !commits { throw GivenUp() }
                    }
                } catch is GivenUp {}
            }
            let all = try await shop.feed(of: commits ? 22 : 21, limit: 3)
            let after = try await shop.feed(limit: 2, after: cursor)
            #expect(all.count == (commits ? 22 : 21) && after == Array(all.dropFirst()))
            #expect(Set(all.map { $0["tradeNo"] }).count == all.count)
            #expect((after.first?["tradeNo"] == .string("trade-late")) == commits)
        }
    }

    private static func late(_ shop: BillingShop) -> Query<Int> {
        SQL(
            """
            insert into payment_event (
                type, trade_no, uid, create_time, refund_time, add_time, amount, product_id, app_id, publisher_id, commission_bps, source, ordinal,
                commit_position, recorded_at)
            values (1, 'trade-late', 'UID_late', 1664118481675, 0, 1, 1, \(Int64(shop.both)), \(Int64(shop.app)), \(Int64(shop.publisher)), 0, 2, 0,
                    commit_position(), now_ms())
            """
        ).execute
    }

    @Test("a follower that asks all the time while events are recorded from many sides sees each once, in one order")
    func follower() async throws {
        try await FaultServer.with { server, _ in
            let shop = try await BillingShop(server)
            let sent = 300
            let followed = try await withThrowingTaskGroup(of: [JSONValue].self) { group in
                group.addTask {
                    var seen: [JSONValue] = []
                    var cursor: String?
                    let deadline = ContinuousClock.now + .seconds(60)
                    while seen.count < sent, ContinuousClock.now < deadline {
                        let page = try await shop.get("/v1/events?limit=7\(cursor.map { "&after=\($0)" } ?? "")")
                        seen += page["data"]?.array ?? []
                        cursor = seen.last?["cursor"]?.string
                    }
                    return seen
                }
                for sender in 0..<6 {
                    group.addTask {
                        for number in 0..<(sent / 6) {
                            try await shop.callback(Event(uid: "UID_\(sender)", tradeNo: "trade-\(sender)-\(number)"), expecting: 200)
                        }
                        return []
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(followed.count == sent && Set(followed.map { $0["tradeNo"] }).count == sent)
            #expect(try await shop.feed(of: sent) == followed)
        }
    }
}
