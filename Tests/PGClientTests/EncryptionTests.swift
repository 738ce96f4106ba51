import Foundation
import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("Encryption and passwords")
struct EncryptionTests {
    /// Writes a certificate that signs itself, and its key.
    private func makeCertificate(in folder: String) throws {
        try Shell.run(
            "/usr/bin/openssl",
            [
                "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost", "-newkey", "rsa:2048", "-keyout",
                "\(folder)/server.key", "-out", "\(folder)/server.crt",
            ])
    }

    /// Gives the cluster a certificate, and a rule that asks one role for a password.
    private func secure(_ cluster: PrivateCluster) async throws {
        let data = cluster.folder.appending(path: "data").path
        try makeCertificate(in: data)
        try Shell.run("/bin/chown", ["--reference", data, "\(data)/server.key", "\(data)/server.crt"])
        try Shell.run("/bin/chmod", ["600", "\(data)/server.key"])
        let rules = URL(filePath: "\(data)/pg_hba.conf")
        let old = try String(contentsOf: rules, encoding: .utf8)
        let handle = try FileHandle(forWritingTo: rules)
        try handle.truncate(atOffset: 0)
        try handle.write(contentsOf: Data("host all guest 127.0.0.1/32 scram-sha-256\n\(old)".utf8))
        try handle.close()
        try await withClient(cluster.socketURL()) { client in
            _ = try await client.run(SQL("create role guest login password 'right horse'").execute)
            _ = try await client.run(SQL("alter system set ssl = on").execute)
            _ = try await client.run(SQL("select pg_reload_conf()").value(Bool.self))
            try await eventually {
                try await client.run(SQL("select count(*) from pg_hba_file_rules where user_name = '{guest}'").value(Int.self)) == 1
            }
        }
    }

    @Test("TLS works, in a pipeline larger than its records too; a wrong password is refused and not told", .timeLimit(.minutes(5)))
    func encrypted() async throws {
        try await TestCluster.own { cluster in
            try await secure(cluster)
            let base = "@127.0.0.1:\(cluster.port)/postgres?sslmode=require"
            try await eventually { await caught { try await connect("postgresql://guest:right%20horse\(base)") } == nil }
            try await withClient("postgresql://guest:right%20horse\(base)") { client in
                let encrypted = try await client.run(SQL("select ssl from pg_stat_ssl where pid = pg_backend_pid()").value(Bool.self))
                #expect(encrypted)
                let long = String(repeating: "y", count: 300_000)
                let answers = try await client.runAll((0..<30).map { _ in SQL("select \(long)").value(String.self) })
                #expect(answers.allSatisfy { $0 == long })
            }
            let wrong = await caught { try await connect("postgresql://guest:wrong-horse\(base)") }
            #expect(wrong?.kind == .connection)
            #expect(wrong?.message.contains("password authentication failed") == true)
            #expect(wrong?.debugDescription.contains("horse") == false)
        }
    }

    @Test("records of TLS larger than what libpq takes at once are read to their end", .timeLimit(.minutes(5)))
    func largeRecords() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try makeCertificate(in: folder.path)
        let relay = try LargeRecordRelay(to: TestCluster.shared.get().port, folder: folder)
        defer { relay.stop() }
        let url = "postgresql://\(PrivateCluster.owner)@127.0.0.1:\(relay.port)/postgres?sslmode=require"
        let limits: (inout PGClient.Configuration) -> Void = { ($0.maxConnections, $0.statementTimeout) = (1, .milliseconds(500)) }
        try await withClient(url, limits) { client in
            // Answers around 128 KiB, in steps of one row, so that the last record ends at every place relative to what libpq takes.
            for rows in 1_150..<1_310 {
                let query = SQL("select repeat('x', 97) from generate_series(1, \(rows))").values((String).self)
                let error = await caught {
                    let found = try await client.run(query)
                    #expect(found.count == rows)
                }
                try #require(error == nil, "\(rows) rows")
            }
            #expect(client.metrics.connected == 1)
        }
    }

    private func connect(_ url: String) async throws {
        try await withClient(url) { _ = try await $0.run(SQL("select 1").execute) }
    }
}
