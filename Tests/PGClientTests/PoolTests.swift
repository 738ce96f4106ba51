import PGClient
import PostgresCluster
import ServiceLifecycle
import TestSupport
import Testing

@Suite("Pool")
struct PoolTests {
    private func error(_ url: String, of sql: SQL, _ configure: (inout PGClient.Configuration) -> Void = { _ in }) async throws -> PGError?
    {
        try await withClient(url, configure) { client in await caught { try await client.run(sql.execute) } }
    }

    @Test("no more connections are made than allowed, and every caller is served in the end", .timeLimit(.minutes(5)))
    func limit() async throws {
        try await TestDatabase.with { database in
            try await withClient(
                database.url,
                {
                    $0.maxConnections = 3
                    $0.acquireTimeout = .seconds(50)
                }
            ) { client in
                let pids = try await withThrowingTaskGroup(of: Int32.self) { group in
                    for _ in 0..<200 { group.addTask { try await client.run(SQL("select pg_backend_pid()").value(Int32.self)) } }
                    return try await group.reduce(into: Set<Int32>()) { $0.insert($1) }
                }
                #expect(pids.count <= 3)
                #expect(client.metrics.open <= 3)
                #expect(client.metrics.idle == client.metrics.open)
                #expect(client.metrics.waiting == 0)
            }
        }
    }

    @Test("who finds the line full is told so at once", .timeLimit(.minutes(5)))
    func fullLine() async throws {
        try await TestDatabase.with { database in
            // Nobody's time runs out, however long a busy machine takes to bring the waiter into the line.
            try await withClient(database.url, { ($0.maxConnections, $0.maxWaiters, $0.acquireTimeout) = (1, 1, .seconds(60)) }) { client in
                try await withThrowingTaskGroup(of: PGError?.self) { group in
                    try await client.transaction { transaction in
                        _ = try await transaction.run(SQL("select 1").execute)
                        group.addTask { await caught { try await client.run(SQL("select 1").execute) } }
                        try await eventually { client.metrics.waiting == 1 }
                        let full = await caught { try await client.run(SQL("select 1").execute) }
                        #expect(full?.kind == .poolFull)
                        #expect(full?.outcome == .notApplied)
                    }
                    let served = try await group.next() ?? nil
                    #expect(served == nil, "the one in the line has its turn")
                }
            }
        }
    }

    @Test("who waits too long is told so", .timeLimit(.minutes(5)))
    func lateWaiter() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url, { ($0.maxConnections, $0.acquireTimeout) = (1, .milliseconds(200)) }) { client in
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("select 1").execute)
                    let late = await caught { try await client.run(SQL("select 1").execute) }
                    #expect(late?.kind == .poolTimeout)
                    #expect(late?.outcome == .notApplied)
                }
            }
        }
    }

    @Test("graceful shutdown lets what is lent finish and refuses what is new", .timeLimit(.minutes(5)))
    func drains() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int)")
            let client = PGClient(.init(url: database.url), logger: quiet)
            let group = ServiceGroup(configuration: .init(services: [.init(service: client)], logger: quiet))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("insert into t values (1)").execute)
                    await group.triggerGracefulShutdown()
                    try await eventually { await caught { try await client.run(SQL("select 1").execute) }?.kind == .notRunning }
                    _ = try await transaction.run(SQL("insert into t values (2)").execute)
                }
                try await tasks.waitForAll()
            }
            #expect(client.metrics.open == 0)
            let rows = try await withClient(database.url) { try await $0.run(SQL("select count(*) from t").value(Int.self)) }
            #expect(rows == 2)
        }
    }

    @Test("a backend killed amid a statement fails that statement alone", .timeLimit(.minutes(5)))
    func killedAmid() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                try await withThrowingTaskGroup(of: PGError?.self) { group in
                    group.addTask { await caught { try await client.run(SQL("select pg_sleep(600) as marker_killed").execute) } }
                    try await eventually {
                        try await client.run(
                            SQL(
                                "select pg_terminate_backend(pid) from pg_stat_activity where query like '%marker_killed%' and pid <> pg_backend_pid()"
                            )
                            .execute) == 1
                    }
                    let error = try await group.next() ?? nil
                    #expect(error?.sqlState?.code == "57P01")
                    #expect(error?.isUnavailable == true)
                    #expect(error?.outcome == .unknown)
                }
                let one = try await client.run(SQL("select 1").value(Int.self))
                #expect(one == 1)
            }
        }
    }

    @Test("the server's limits on time hold in every session", .timeLimit(.minutes(5)))
    func timeouts() async throws {
        try await TestDatabase.with { database in
            try await database.asOwner("create table t (n int)")
            let statement = try await error(database.url, of: "select pg_sleep(60)") { $0.statementTimeout = .milliseconds(50) }
            #expect(statement?.sqlState == .queryCanceled)
            #expect(statement?.kind == .server)
            #expect(statement?.outcome == .notApplied)
            try await withClient(database.url, { $0.lockTimeout = .milliseconds(50) }) { client in
                try await client.transaction { transaction in
                    _ = try await transaction.run(SQL("lock table t").execute)
                    let lock = await caught { try await client.run(SQL("select count(*) from t").execute) }
                    #expect(lock?.sqlState == .lockNotAvailable)
                }
            }
            try await withClient(database.url, { $0.idleInTransactionTimeout = .milliseconds(50) }) { client in
                let idle = await caught {
                    try await client.transaction { transaction in
                        let pid = try await transaction.run(SQL("select pg_backend_pid()").value(Int32.self))
                        try await withClient(database.url) { watcher in
                            try await eventually {
                                try await watcher.run(SQL("select count(*) from pg_stat_activity where pid = \(pid)").value(Int.self)) == 0
                            }
                        }
                        _ = try await transaction.run(SQL("insert into t values (1)").execute)
                    }
                }
                #expect(idle?.outcome == .notApplied)
                #expect(idle?.isUnavailable == true || idle?.sqlState?.code == "25P03", "\(String(describing: idle))")
                let rows = try await client.run(SQL("select count(*) from t").value(Int.self))
                #expect(rows == 0)
            }
        }
    }

    @Test("settings and the application's name reach the session", .timeLimit(.minutes(5)))
    func settings() async throws {
        try await TestDatabase.with { database in
            try await withClient(
                database.url,
                {
                    $0.settings = ["market.publisher": "it's * \\ all"]
                    $0.applicationName = "pool test"
                }
            ) { client in
                let (publisher, name) = try await client.run(
                    SQL("select current_setting('market.publisher')").value(String.self),
                    SQL("select current_setting('application_name')").value(String.self))
                #expect(publisher == "it's * \\ all")
                #expect(name == "pool test")
            }
        }
    }

    @Test("an unknown database, a server that is not there and one of several hosts that is not", .timeLimit(.minutes(5)))
    func connecting() async throws {
        let cluster = try TestCluster.shared.get()
        let unknown = try await error(cluster.url(database: "nowhere"), of: "select 1")
        #expect(unknown?.kind == .connection)
        #expect(unknown?.message.contains("does not exist") == true)
        let absent = try await error("postgresql://x@127.0.0.1:1/y", of: "select 1")
        #expect(absent?.kind == .connection)
        #expect(absent?.outcome == .notApplied)
        let several = "postgresql://\(PrivateCluster.owner)@127.0.0.1:1,127.0.0.1:\(cluster.port)/postgres"
        let second = try await error(several, of: "select 1")
        #expect(second == nil)
    }
}
