import ArgumentParser
import Foundation
import Logging
import MarketSchema
import PGClient
import PostgresCluster
import ServiceLifecycle
import TestSupport
import Testing

@testable import MarketServer

@Suite("A database that is not to be trusted with money")
struct FaultUnsafeDatabaseTests {
    /// A migrated database on a cluster of the test's own, with the server's login; lends a way to run scripts as its superuser.
    private func with(
        _ settings: [String: String] = [:],
        _ body: @escaping @Sendable (PrivateCluster, @Sendable (String) async throws -> Void) async throws -> Void
    ) async throws {
        try await TestCluster.own(settings: settings) { cluster in
            _ = try await Migrator(Schema.migrations).migrate(.init(url: cluster.url()), logger: quiet)
            try await ServerLogin.make(cluster.url(), logger: quiet)
            try await body(cluster) { script in
                let connection = try await AdministrativeConnection(cluster.url(), logger: quiet)
                try await connection.script(script)
                await connection.close()
            }
        }
    }

    private func settings(_ cluster: PrivateCluster, as user: String = ServerLogin.name) -> ServerSettings {
        ServerSettings(databaseURL: cluster.url(user: user), operatorToken: TestServer.operatorToken)
    }

    private func hazards(_ settings: ServerSettings) async throws -> [String] {
        try await DatabaseHazard.found(by: PGClient(settings.database, logger: quiet)).map(\.what)
    }

    @Test("each way to lose or to rewrite history is found by itself, and none where the server's role is as it should be")
    func found() async throws {
        try await with { cluster, run in
            #expect(try await hazards(settings(cluster)) == [])
            #expect(try await hazards(settings(cluster, as: PrivateCluster.owner)) == ["the role market_owner is a superuser"])
            // What gives the hazard, what takes it away again, and what is found meanwhile.
            let app = ServerLogin.name
            let cases = [
                (
                    "grant update on payment_event to \(app)", "revoke update on payment_event from \(app)",
                    "the role \(app) may rewrite payment_event"
                ),
                (
                    "grant update (amount) on payment_event to \(app)", "revoke update (amount) on payment_event from \(app)",
                    "the role \(app) may rewrite payment_event"
                ),
                (
                    "grant delete on product, quarantine to market_server", "revoke delete on product, quarantine from market_server",
                    "the role market_server may rewrite product, quarantine"
                ),
                (
                    "grant truncate on listing_move to public", "revoke truncate on listing_move from public",
                    "the role \(app) may rewrite listing_move"
                ),
                (
                    "grant update (body) on quarantine to market_tenant", "revoke update (body) on quarantine from market_tenant",
                    "the role market_tenant may rewrite quarantine"
                ),
                ("alter role \(app) bypassrls", "alter role \(app) nobypassrls", "the role \(app) bypasses row level security"),
                (
                    "alter role \(app) createrole", "alter role \(app) nocreaterole",
                    "the role \(app) may make itself a member of other roles (createrole)"
                ),
                (
                    "create role keeper superuser; grant keeper to \(app)", "drop role keeper", "the role keeper is a superuser"
                ),
                (
                    "create role keeper; grant keeper to \(app); alter table payment_event owner to keeper; alter role \(app) noinherit",
                    "alter table payment_event owner to market_owner; drop role keeper; alter role \(app) inherit",
                    "the role keeper owns payment_event"
                ),
                (
                    "create role keeper; grant keeper to \(app); alter schema public owner to keeper",
                    "alter schema public owner to pg_database_owner; drop role keeper", "the role keeper owns the schema public"
                ),
                (
                    "grant pg_write_server_files to \(app)", "revoke pg_write_server_files from \(app)",
                    "the role pg_write_server_files reaches the files of the database"
                ),
                (
                    "alter role \(app) set synchronous_commit = off", "alter role \(app) reset all",
                    "synchronous_commit is off: a power cut can lose what was committed"
                ),
            ]
            for (give, take, what) in cases {
                try await run(give)
                let found = try await hazards(settings(cluster))
                #expect(found.contains(what), "\(give): \(found)")
                try await run(take)
                #expect(try await hazards(settings(cluster)) == [], "after \(take)")
            }
        }
    }

    @Test("the server does not start, and names everything that is unsafe; told to, it warns; doctor fails for the same reasons")
    func refused() async throws {
        try await with(["fsync": "off", "full_page_writes": "off"]) { cluster, _ in
            let unsafe = settings(cluster)
            let services = try AppServices(unsafe, logger: quiet)
            let error = await #expect(throws: UnsafeDatabase.self) {
                try await DatabaseSafety(services).check()
            }
            let due = [
                "fsync is off: a power cut can lose what was committed", "full_page_writes is off: a power cut can lose what was committed",
            ]
            #expect(error?.hazards.map(\.what) == due)
            await #expect(throws: UnsafeDatabase.self) { try await Serving.check(services, DatabaseSafety(services)) }

            let log = LogCapture()
            var allowed = unsafe
            allowed.allowsUnsafeDatabase = true
            let told = try AppServices(allowed, logger: log.logger())
            #expect(try await Serving.check(told, DatabaseSafety(told)))
            #expect(log.lines.contains { $0.metadata["unsafe"] == due.joined(separator: "; ") }, "\(log.lines)")

            let findings = await Examination(database: services.database, server: services.database, settings: unsafe).findings()
            #expect(findings.filter(\.isFailure).map(\.line) == due.map { "FAIL  \($0): turn on \($0.prefix { $0 != " " })" })
        }
    }

    @Test("a database that answers only later is refused then", .timeLimit(.minutes(5)))
    func later() async throws {
        try await with(["fsync": "off"]) { cluster, _ in
            cluster.stop(.immediate)
            let services = try AppServices(settings(cluster), logger: quiet)
            let safety = DatabaseSafety(services)
            #expect(try await Serving.check(services, safety) == false)
            await #expect(throws: UnsafeDatabase.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { try await safety.run() }
                    try cluster.startServer()
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("a server that is stopped before its database answers stops", .timeLimit(.minutes(5)))
    func stopped() async throws {
        let settings = ServerSettings(databaseURL: "postgresql://127.0.0.1:1/nobody", operatorToken: nil)
        let services = try AppServices(settings, logger: quiet)
        try await withServices([DatabaseSafety(services)]) {}
    }

    @Test("the key takes 0 and 1 alone, and is off")
    func key() async throws {
        let given = ["--database-url", "postgresql://nowhere.invalid/x"]
        #expect(try await !ServerSettings(ConfigurationOptions.parse(given).reader()).allowsUnsafeDatabase)
        #expect(try await ServerSettings(ConfigurationOptions.parse(given + ["--allow-unsafe-database"]).reader()).allowsUnsafeDatabase)
    }
}
