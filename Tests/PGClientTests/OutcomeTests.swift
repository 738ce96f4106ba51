import Foundation
import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("What an error says of what was written")
struct OutcomeTests {
    @Test("a pipeline whose deferred constraint fails at its implicit commit reports it", .timeLimit(.minutes(5)))
    func deferredInPipeline() async throws {
        try await TestDatabase.with(parentsAndNotes) { db in
            try await withClient(db.url) { client in
                let error = await caught {
                    try await client.run(
                        SQL("insert into note values (1, 'a')").execute, SQL("insert into child values (1, 404)").execute)
                }
                let notes = try await client.run(SQL("select count(*) from note").value(Int.self))
                #expect(notes == 0)
                #expect(error?.sqlState == .foreignKeyViolation, "got \(String(describing: error))")
                #expect(error?.outcome == .notApplied)
            }
        }
    }

    @Test("a single statement whose deferred constraint fails reports it on the first, second and third use", .timeLimit(.minutes(5)))
    func deferredSingle() async throws {
        try await TestDatabase.with(parentsAndNotes) { db in
            try await withClient(db.url, { $0.maxConnections = 1 }) { client in
                for use in 1...3 {
                    let error = await caught { try await client.run(SQL("insert into child values (\(Int64(use)), 404)").execute) }
                    let rows = try await client.run(SQL("select count(*) from child").value(Int.self))
                    #expect(rows == 0)
                    #expect(error?.sqlState == .foreignKeyViolation, "use \(use): \(String(describing: error))")
                }
            }
        }
    }

    @Test("an answer that cannot be read after an autocommitted write has an unknown outcome", .timeLimit(.minutes(5)))
    func decodeAfterWrite() async throws {
        try await TestDatabase.with(parentsAndNotes) { db in
            try await withClient(db.url) { client in
                let error = await caught { try await client.run(SQL("insert into note values (1, 'a') returning body").value(Int.self)) }
                let rows = try await client.run(SQL("select count(*) from note").value(Int.self))
                #expect(rows == 1)
                #expect(error?.kind == .decoding)
                #expect(error?.outcome == .unknown)
            }
        }
    }

    @Test("a transaction whose connection was lost before COMMIT was not applied", .timeLimit(.minutes(5)))
    func commitAfterLoss() async throws {
        try await TestDatabase.with(parentsAndNotes) { db in
            try await withClient(db.url) { client in
                let error = await caught {
                    try await client.transaction { transaction in
                        let lost = await caught { try await transaction.run(SQL("select pg_terminate_backend(pg_backend_pid())").execute) }
                        #expect(lost?.outcome == .notApplied)
                    }
                }
                #expect(error?.kind == .connection)
                #expect(error?.outcome == .notApplied)
            }
        }
    }

    @Test("a transaction used after its end is refused", .timeLimit(.minutes(5)))
    func escapedTransaction() async throws {
        try await TestDatabase.with(parentsAndNotes) { db in
            try await withClient(db.url, { $0.maxConnections = 1 }) { client in
                let escaped = try await client.transaction { tx in
                    _ = try await tx.run(SQL("select 1").execute)
                    return tx
                }
                let error = await caught { try await escaped.run(SQL("insert into note values (1, 'a')").execute) }
                #expect(error?.kind == .notRunning, "got \(String(describing: error))")
                let seen3 = try await client.run(SQL("select count(*) from note").value(Int.self))
                #expect(seen3 == 0)
            }
        }
    }

    @Test("a session ended by the server while it waits after a local commit leaves an unknown outcome", .timeLimit(.minutes(5)))
    func terminatedAfterLocalCommit() async throws {
        try await TestCluster.own(settings: ["synchronous_standby_names": "nobody", "synchronous_commit": "local"]) { cluster in
            try await withClient(cluster.socketURL()) { client in
                _ = try await client.run(SQL("create table w (id int primary key)").execute)
                for explicit in [false, true] {
                    try await withClient(cluster.socketURL(), { $0.settings = ["synchronous_commit": "on"] }) { writer in
                        let error = await withTaskGroup(of: PGError?.self) { group in
                            group.addTask {
                                await caught {
                                    if explicit {
                                        try await writer.transaction { tx in _ = try await tx.run(SQL("insert into w values (2)").execute) }
                                    } else {
                                        _ = try await writer.run(SQL("insert into w values (1)").execute)
                                    }
                                }
                            }
                            group.addTask {
                                await caught {
                                    while try await client.run(
                                        SQL("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'").execute)
                                        == 0
                                    { await Task.yield() }
                                }
                            }
                            var found: PGError?
                            for await error in group where error != nil { found = error }
                            return found
                        }
                        let rows = try await client.run(SQL("select count(*) from w where id = \(explicit ? 2 : 1)").value(Int.self))
                        #expect(error?.outcome == .unknown, "explicit \(explicit), rows \(rows): \(String(describing: error))")
                    }
                }
            }
        }
    }
}
