import Foundation
import MarketSchema
import PostgresCluster
import TestSupport
import Testing

private let repository = (0..<3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }

/// Whether `sql/schema.sql` was written by this version of pg_dump: another one words the same schema otherwise.
private let dumpIsComparable: Bool = {
    guard let programs = try? Shell.run(repository.appending(path: "scripts/private-postgres").path, ["bindir"]) else { return true }
    let version = try? Shell.run(programs.trimmingCharacters(in: .whitespacesAndNewlines) + "/pg_dump", ["--version"])
    return version?.contains(" 15.") ?? true  // The test itself says what is missing.
}()

@Suite struct SchemaTests {
    @Test(
        "sql/schema.sql is what the migrations make",
        .enabled(if: dumpIsComparable, "sql/schema.sql is written by PostgreSQL 15's pg_dump"))
    func committedSchema() async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            let made = try Shell.run(repository.appending(path: "scripts/schema").path, [database.url])
            let committed = try String(contentsOf: repository.appending(path: "sql/schema.sql"), encoding: .utf8)
            // The file's first lines say where it comes from.
            let body = committed.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(2).joined(separator: "\n")
            let differing = body.split(separator: "\n").map(String.init).difference(from: made.split(separator: "\n").map(String.init))
            #expect(differing.isEmpty, "run `make schema` and commit sql/schema.sql")
            #expect(!made.isEmpty)
        }
    }
}
