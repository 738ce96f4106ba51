import Foundation
import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("Lost, hung and misdirected connections")
struct ConnectionLossTests {
    @Test("a backend killed while idle is replaced silently", .timeLimit(.minutes(5)))
    func idleKill() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url, { $0.maxConnections = 1 }) { client in
                for round in 1...5 {
                    let pid = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
                    try await withClient(db.url) { other in
                        _ = try await other.run(SQL("select pg_terminate_backend(\(pid), 5000)").value(Bool.self))
                    }
                    let error = await caught { try await client.run(SQL("select pg_backend_pid()").value(Int32.self)) }
                    #expect(error == nil, "round \(round): \(String(describing: error))")
                }
                for round in 1...5 {
                    let pid = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
                    try await withClient(db.url) { other in
                        _ = try await other.run(SQL("select pg_terminate_backend(\(pid), 5000)").value(Bool.self))
                    }
                    let error = await caught {
                        try await client.transaction { tx in try await tx.run(SQL("select pg_backend_pid()").value(Int32.self)) }
                    }
                    #expect(error == nil, "transaction round \(round): \(String(describing: error))")
                }
            }
        }
    }

    @Test("a server that hangs is given up within a bound", .timeLimit(.minutes(5)))
    func hungBackend() async throws {
        try await TestCluster.own { cluster in
            try await withClient(
                cluster.socketURL(),
                {
                    $0.maxConnections = 1
                    $0.statementTimeout = .seconds(1)
                }
            ) { client in
                let pid = try await client.run(SQL("select pg_backend_pid()").value(Int32.self))
                kill(pid, SIGSTOP)
                defer { kill(pid, SIGCONT) }
                // The test's own time limit is what a wait without a bound would meet.
                let error = await caught { try await client.run(SQL("select 1").execute) }
                #expect(error?.kind == .connection)
                #expect(error?.outcome == .unknown)
            }
        }
    }

    @Test("the same client serves again after its server was killed and came back", .timeLimit(.minutes(5)))
    func postmasterKill() async throws {
        try await TestCluster.own { cluster in
            try await withClient(cluster.socketURL()) { client in
                _ = try await client.run(SQL("select 1").execute)
                cluster.kill()
                let down = await caught { try await client.run(SQL("select 1").execute) }
                #expect(down != nil)
                try cluster.startServer()
                try await eventually { await caught { try await client.run(SQL("select 1").execute) } == nil }
            }
        }
    }

    /// The options of this process's sockets that lead to a port.
    private func socketOptions(to port: Int, _ options: [Int32]) -> [[Int32]] {
        (0..<Int32(4_096)).compactMap { descriptor in
            var address = sockaddr_in()
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let named = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &size) }
            }
            guard named == 0, address.sin_family == sa_family_t(AF_INET), Int(UInt16(bigEndian: address.sin_port)) == port else {
                return nil
            }
            return options.map { option in
                var value: Int32 = -1
                var size = socklen_t(MemoryLayout<Int32>.size)
                let level = option == SO_KEEPALIVE ? SOL_SOCKET : Int32(IPPROTO_TCP)
                return getsockopt(descriptor, level, option, &value, &size) == 0 ? value : -1
            }
        }
    }

    @Test("a peer that is gone is noticed by TCP, for those who listen or copy have no limit of silence", .timeLimit(.minutes(5)))
    func keepAlive() async throws {
        try await TestCluster.own { cluster in
            // Seconds of silence, seconds between probes, probes; milliseconds that what was sent may go unanswered (Linux: tcp(7)).
            let options = [SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT]
            try await withClient(cluster.url(), { $0.maxConnections = 1 }) { client in
                _ = try await client.run(SQL("select 1").execute)
                #expect(socketOptions(to: cluster.port, options) == [[1, 15, 5, 3, 30_000]])
            }
            try await withClient(cluster.url() + "?keepalives_idle=60&tcp_user_timeout=0", { $0.maxConnections = 1 }) { client in
                _ = try await client.run(SQL("select 1").execute)
                #expect(socketOptions(to: cluster.port, options) == [[1, 60, 5, 3, 0]])
            }
        }
    }

    @Test("options in the URL survive", .timeLimit(.minutes(5)))
    func urlOptions() async throws {
        try await TestDatabase.with { db in
            try await withClient(db.url + "?options=-c%20statement_timeout%3D1234") { client in
                let seen4 = try await client.run(SQL("select current_setting('statement_timeout')").value(String.self))
                #expect(seen4 == "1234ms")
            }
        }
    }

    @Test("an unreadable URL does not put the password into the error", .timeLimit(.minutes(5)))
    func urlPassword() async throws {
        for url in ["postgresql://market:hun/ter2@localhost/db", "host=localhost password=hunter2 hunter2x"] {
            let client = PGClient(.init(url: url), logger: quiet)
            let error = await caught { try await client.run(SQL("select 1").execute) }
            #expect(error != nil)
            #expect(error?.description.contains("hun") == false, "\(String(describing: error))")
        }
    }
}
