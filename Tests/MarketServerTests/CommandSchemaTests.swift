import ArgumentParser
import MarketSchema
import PGClient
import TestSupport
import Testing

@testable import MarketServer

@Suite("Commands on a schema that is not theirs")
struct CommandSchemaTests {
    /// What makes a schema another one than the program's, and how the refusal is worded.
    private static let cases = [
        ("delete from schema_migration where number = (select max(number) from schema_migration)", "run `market migrate`"),
        (
            "insert into schema_migration (number, name, checksum) select max(number) + 1, 'later', 'x' from schema_migration",
            "it is older than the database"
        ),
        ("update schema_migration set checksum = 'x' where number = 2", "was applied with another text"),
    ]

    private func commands(on url: String) throws -> [any AsyncParsableCommand] {
        [
            try ImportCommand.parse(["--database-url", url, "--publisher", "1", "--quiet", "/dev/null"]),
            try VerifyCommand.parse(["--database-url", url]), try DemoCommand.Seed.parse(["--database-url", url]),
        ]
    }

    private func findings(on url: String) async throws -> [Finding] {
        let settings = ServerSettings(databaseURL: url, operatorToken: TestServer.operatorToken)
        return await Examination(
            database: PGClient(.init(url: url), logger: quiet), server: PGClient(settings.database, logger: quiet), settings: settings
        ).findings()
    }

    @Test("import, verify and demo seed refuse one that is behind, newer or edited; doctor says what to do", arguments: cases)
    func refused(change: String, due: String) async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            try await database.asOwner(change)
            for var command in try commands(on: database.url) {
                let error = await #expect(throws: MigrationError.self) { try await command.run() }
                #expect(error?.description.contains(due) == true, "\(type(of: command)): \(String(describing: error))")
            }
            let findings = try await findings(on: database.url).filter(\.isFailure).map(\.line)
            #expect(findings.contains { $0.contains(due) }, "\(findings)")
            #expect(!findings.contains { $0.contains("could not be made") }, "\(findings)")
        }
    }

    @Test("and one that is empty, of which doctor asks no more than that")
    func empty() async throws {
        try await TestDatabase.with(Schema.migrations) { _ in
            try await TestDatabase.with { database in
                for var command in try commands(on: database.url) {
                    let error = await #expect(throws: MigrationError.self) { try await command.run() }
                    #expect(error == .behind(pending: Schema.migrations.count))
                }
                let findings = try await findings(on: database.url).map(\.line)
                #expect(findings.contains("FAIL  \(Schema.migrations.count) migrations wait: run `market migrate`"), "\(findings)")
                #expect(!findings.contains { $0.contains("could not be made") || $0.contains("show_trgm") }, "\(findings)")
            }
        }
    }
}
