import PGClient
import TestSupport
import Testing

/// The client gives up a server that stays silent for longer than its own limits allow. Here it gives it half a second beyond them, and sleeps on the
/// server show that what may take long does.
@Suite("How long a silent server is waited for")
struct PatienceTests {
    private func error(_ options: String = "", _ body: @Sendable (PGClient) async throws -> Void) async throws -> PGError? {
        try await TestDatabase.with { database in
            try await withClient(
                database.url + options,
                {
                    $0.statementTimeout = .seconds(1)
                    $0.grace = .milliseconds(500)
                }
            ) { client in await caught { try await body(client) } }
        }
    }

    private static let slow: SQL = "select 1 from pg_sleep(2.2)"

    @Test("a pipeline takes as long as its statements may together", .timeLimit(.minutes(5)))
    func pipeline() async throws {
        let error = try await error { client in
            _ = try await client.runAll((0..<6).map { _ in SQL("select 1 from pg_sleep(0.4)").execute })
        }
        #expect(error == nil)
    }

    @Test("a transaction may state limits of its own, and the next has the session's again", .timeLimit(.minutes(5)))
    func ofTransaction() async throws {
        let error = try await error { client in
            let limits = SQL("select current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')")
                .values((String, String).self)
            try await client.transaction(limits: .init(statement: .seconds(60), idle: .seconds(120))) { transaction in
                let (inForce, _) = try await transaction.run(limits, Self.slow.execute)
                #expect(inForce.map(\.0) == ["1min"] && inForce.map(\.1) == ["2min"])
                _ = try await transaction.run(Self.slow.execute)
            }
            let after = try await client.transaction { try await $0.run(limits) }
            #expect(after.map(\.0) == ["1s"] && after.map(\.1) == ["30s"])
        }
        #expect(error == nil)
    }

    @Test("a limit in the URL counts", .timeLimit(.minutes(5)))
    func ofURL() async throws {
        let error = try await error("?options=-c%20statement_timeout%3D60s") { client in _ = try await client.run(Self.slow.execute) }
        #expect(error == nil)
    }

    @Test("the first row of a COPY may be as long in coming as the transaction's limits say, and no longer", .timeLimit(.minutes(5)))
    func firstRow() async throws {
        let patient = try await error { client in
            try await client.transaction(limits: .init(statement: .seconds(60))) { transaction in
                try await transaction.copyOut(Self.slow, format: .text) { chunks in for try await _ in chunks {} }
            }
        }
        #expect(patient == nil)
        let silent = try await error { client in
            try await client.transaction { transaction in
                // Behind the client's back: to it the server is silent for longer than it may be.
                _ = try await transaction.run(SQL("set local statement_timeout = '60s'").execute)
                try await transaction.copyOut(Self.slow, format: .text) { chunks in for try await _ in chunks {} }
            }
        }
        #expect(silent?.kind == .connection)
    }

    @Test("a limit below a millisecond is one, and not none", .timeLimit(.minutes(5)))
    func shortest() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { $0.lockTimeout = .microseconds(10) }) { client in
                let limit = try await client.run(SQL("select current_setting('lock_timeout')").value(String.self))
                #expect(limit == "1ms")
            }
        }
    }
}
