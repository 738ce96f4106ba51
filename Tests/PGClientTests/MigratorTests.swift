import Foundation
import PGClient
import TestSupport
import Testing

@Suite("Migrations")
struct MigratorTests {
    private static let first = Migration(number: 1, name: "first", sql: "create table a (n int); insert into a values (1);")
    private static let second = Migration(number: 2, name: "second", sql: "create table b (n int);")

    private func migrate(_ migrations: [Migration], _ database: TestDatabase) async throws -> [Int] {
        try await Migrator(migrations).migrate(.init(url: database.url), logger: quiet)
    }

    @Test("each is applied once and in order", .timeLimit(.minutes(5)))
    func once() async throws {
        try await TestDatabase.with { database in
            do {
                let numbers = try await migrate([Self.first], database)
                #expect(numbers == [1])
            }
            do {
                let numbers = try await migrate([Self.first, Self.second], database)
                #expect(numbers == [2])
            }
            do {
                let numbers = try await migrate([Self.first, Self.second], database)
                #expect(numbers == [])
            }
            let rows = try await withClient(database.url) { try await $0.run(SQL("select count(*) from a").value(Int.self)) }
            #expect(rows == 1)
        }
    }

    @Test("a failed one leaves nothing of itself and all before it", .timeLimit(.minutes(5)))
    func failed() async throws {
        try await TestDatabase.with { database in
            let broken = Migration(number: 2, name: "broken", sql: "create table b (n int); select 1/0;")
            let error = await caught { try await migrate([Self.first, broken], database) }
            #expect(error?.sqlState?.code == "22012")
            do {
                let numbers = try await migrate([Self.first, Self.second], database)
                #expect(numbers == [2])
            }
        }
    }

    @Test("an edited one, a newer database and numbers out of sequence are refused", .timeLimit(.minutes(5)))
    func refused() async throws {
        try await TestDatabase.with { database in
            _ = try await migrate([Self.first, Self.second], database)
            let edited = Migration(number: 1, name: "first", sql: "create table a (n bigint);")
            await #expect(throws: MigrationError.edited(number: 1, name: "first")) { try await migrate([edited, Self.second], database) }
            await #expect(throws: MigrationError.databaseIsNewer(number: 2, name: "second")) { try await migrate([Self.first], database) }
            #expect(throws: MigrationError.notInSequence(expected: 1, found: 2)) { try Migrator([Self.second]) }
            #expect(throws: MigrationError.notInSequence(expected: 2, found: 1)) { try Migrator([Self.first, Self.first]) }
        }
    }

    @Test("several migrators at once apply each migration once", .timeLimit(.minutes(5)))
    func concurrent() async throws {
        try await TestDatabase.with { database in
            let applied = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<6 { group.addTask { try await migrate([Self.first, Self.second], database) } }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.sorted() == [1, 2])
        }
    }

    @Test("the status counts what is there and what waits, and changes nothing", .timeLimit(.minutes(5)))
    func status() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let migrator = try Migrator([Self.first, Self.second])
                let before = try await migrator.status(of: client)
                #expect((before.applied, before.pending) == (0, 2))
                _ = try await migrate([Self.first], database)
                let after = try await migrator.status(of: client)
                #expect((after.applied, after.pending) == (1, 1))
            }
        }
    }

    @Test("a migration's file is named by number and purpose")
    func names() throws {
        let migration = try Migration(fileName: "0012_add_catalog.sql", sql: "")
        #expect(migration.number == 12)
        #expect(migration.name == "add_catalog")
        for name in ["12_x.sql", "0001.sql", "0000_x.sql", "0001_x.txt"] {
            #expect(throws: MigrationError.badName(name)) { try Migration(fileName: name, sql: "") }
        }
    }
}
