import Logging
import MarketSchema
import PGClient
import ProductCatalog
import ServiceLifecycle
import TestSupport

@testable import Billing

/// A running market with two publishers. Tides (1) sells an app and its topic together and the topic alone; Winds (2) sells an app.
struct BillingFixture: Sendable {
    let database: TestDatabase
    let client: PGClient
    let recorder: EventRecorder
    let entitlements: Entitlements
    let desk: QuarantineDesk

    static let tides = Publisher.ID(rawValue: 1)
    static let app: Int64 = 101
    static let topic = Resource.ID(rawValue: 102)
    static let appResource = Resource.ID(rawValue: 101)
    /// Bundles app and topic; known to the hosted platform as 12, its app as 30630.
    static let both = MessageProduct.ID(rawValue: 9)
    /// Bundles the topic alone.
    static let topicOnly = MessageProduct.ID(rawValue: 10)

    static func with<R: Sendable>(_ body: @Sendable (BillingFixture) async throws -> R) async throws -> R {
        try await TestDatabase.with(Schema.migrations) { database in
            try await database.asOwner(catalog)
            return try await withClient(database.url, { $0.settings = recordingSettings }) { client in
                let recorder = EventRecorder(client, logger: quiet)
                let entitlements = Entitlements(client)
                let fixture = BillingFixture(
                    database: database, client: client, recorder: recorder, entitlements: entitlements,
                    desk: QuarantineDesk(client, recorder: recorder, logger: quiet))
                return try await withServices([recorder, entitlements]) { try await body(fixture) }
            }
        }
    }

    /// As a server's sessions that record.
    static let recordingSettings = EventRecorder.recordingSettings.merging(["role": "market_server"]) { $1 }

    private static let catalog = """
        insert into publisher (name, email) values ('Tides', 't@example.com'), ('Winds', 'w@example.com');
        insert into resource (id, publisher_id, kind, name) values (101, 1, 1, 'Tide tables'), (201, 2, 1, 'Gales');
        insert into app (id, publisher_id, external_id, webhook_secret, token_sha256, inbound_key_sha256)
        values (101, 1, 30630, 'whsec_x', sha256('at1'), sha256('in1')), (201, 2, null, 'whsec_y', sha256('at2'), sha256('in2'));
        insert into resource (id, publisher_id, kind, app_id, name) values (102, 1, 2, 101, 'Spring tides');
        insert into product (id, publisher_id, lineage_id, external_id, content_hash, name, summary, description, contact)
        values (9, 1, 9, 12, sha256('9'), 'All tides', 's', 'd', 'c'), (10, 1, 10, 13, sha256('10'), 'Spring', 's', 'd', 'c'),
               (20, 2, 20, null, sha256('20'), 'Gales', 's', 'd', 'c');
        insert into product_resource (product_id, resource_id, publisher_id, position)
        values (9, 101, 1, 1), (9, 102, 1, 2), (10, 102, 1, 1), (20, 201, 2, 1);
        insert into price_plan (product_id, position, name, amount, add_time) values (9, 1, '1 day', 50, 86400000), (10, 1, '1 day', 30, 86400000), (20, 1, '1 day', 10, 86400000);
        insert into listing_move (product_id, move_no, to_state, actor) values (9, 1, 'pending_review', 't'), (10, 1, 'pending_review', 't'), (20, 1, 'pending_review', 't');
        insert into listing_move (product_id, move_no, from_state, to_state, commission_bps, actor) values (9, 2, 'pending_review', 'listed', 1000, 'op');
        """

    /// The seed's own sample, for one day.
    static let sample = OrderPay(
        addTime: 86_400_000, amount: 50, appId: 30_630, createTime: 1_664_118_481_675, prodId: 12, tradeNo: "202209252308016755383125546",
        type: 1,
        uid: "UID_xxxxxxx")

    static func submission(_ message: OrderPay, source: RecordedEvent.Source = .inbound, body: String? = nil) -> Submission {
        Submission(
            message, publisher: tides, inboundApp: source == .inbound ? App.ID(rawValue: app) : nil, source: source,
            body: Array((body ?? "\(message)").utf8))
    }

    /// An event of the tests as a message, by the hosted platform's numbers.
    static func message(_ event: PaymentEvent) -> OrderPay {
        OrderPay(
            addTime: event.addTime.milliseconds, amount: event.amount.fen, appId: 30_630, createTime: event.createTime.milliseconds,
            prodId: event.productID == both ? 12 : 13, tradeNo: event.tradeNumber.text, type: Int64(event.kind.rawValue),
            uid: event.uid.text,
            payTradeNo: event.payTradeNumber?.text)
    }
}
