import Logging

/// Brings a schema up to date: each migration once, in order, each in a transaction of its own with the row that records it.
public struct Migrator: Sendable {
    private let migrations: [Migration]

    /// - Throws: `MigrationError.notInSequence` when numbers have gaps or repeat.
    public init(_ migrations: [Migration]) throws(MigrationError) {
        for (index, migration) in migrations.enumerated() where migration.number != index + 1 {
            throw .notInSequence(expected: index + 1, found: migration.number)
        }
        self.migrations = migrations
    }

    /// What a database has, held against what this program knows.
    public struct Status: Sendable, Equatable {
        public let applied: Int
        public let pending: Int
    }

    private struct Applied: PGRowDecodable {
        let number: Int
        let name: String
        let checksum: String

        init(row: PGRow) throws(PGError) { (number, name, checksum) = try row.decode() }
    }

    /// Chosen once, at random: whoever migrates a database takes this lock first.
    private static let advisoryLock: Int64 = 0x6d61_726b_6574_0001

    /// Applies what is missing and returns the numbers applied. Several at once take turns.
    ///
    /// Cancelling the task stops what runs or waits at the server.
    ///
    /// - Throws: `MigrationError` when the database is newer or an applied migration was edited; `PGError` from the server, after which
    ///   all earlier migrations are applied and the failed one not at all.
    public func migrate(_ configuration: PGClient.Configuration, logger: Logger) async throws -> [Int] {
        var configuration = configuration
        // A migration may take as long as it takes; it waits for its locks no longer than a server does.
        configuration.statementTimeout = .zero
        let connection = PGConnection(number: 0, statementCacheSize: 0, logger: logger)
        let string = try ConnectionString(configuration.url, applicationName: "market migrate")
        let (settings, timeout) = (configuration.sessionSettings, configuration.connectTimeout)
        try await connection.cancellable { connection throws(PGError) in
            try connection.connect(string, settings: settings, timeout: timeout)
        }
        do {
            let numbers = try await migrate(on: connection, logger: logger)
            await connection.close()
            return numbers
        } catch {
            await connection.close()
            throw error
        }
    }

    private func migrate(on connection: PGConnection, logger: Logger) async throws -> [Int] {
        try await connection.runScript("set lock_timeout = 0; select pg_advisory_lock(\(Self.advisoryLock)); set lock_timeout = '10s'")
        try await connection.runScript(
            """
            create table if not exists schema_migration (
                number     integer     primary key,
                name       text        not null,
                checksum   text        not null,
                applied_at timestamptz not null default now()
            )
            """)
        let session = try await Self.begin(on: connection)
        let applied = try await session.run(Self.applied)
        let checksums = try await session.runAll(migrations.map { Self.checksum($0.sql) })
        try await session.commit()
        try compare(applied, checksums)
        var numbers: [Int] = []
        for (migration, checksum) in zip(migrations, checksums).dropFirst(applied.count) {
            logger.info("applying migration", metadata: ["number": "\(migration.number)", "name": "\(migration.name)"])
            try await apply(migration, checksum: checksum, on: connection)
            numbers.append(migration.number)
        }
        return numbers
    }

    private func apply(_ migration: Migration, checksum: String, on connection: PGConnection) async throws {
        let transaction = try await Self.begin(on: connection)
        do {
            _ = try await transaction.run(
                SQL("insert into schema_migration (number, name, checksum) values (\(migration.number), \(migration.name), \(checksum))")
                    .execute)
            try await connection.runScript(migration.sql)
            try await transaction.commit()
        } catch {
            _ = await connection.takeBack(transaction.loan)
            throw error
        }
    }

    private static func begin(on connection: PGConnection) async throws(PGError) -> PGTransaction {
        guard let loan = await connection.lend(beginningWith: "begin") else { throw PGError(.connection, "the connection was lost") }
        return PGTransaction(connection, loan)
    }

    /// SHA-256 of a text, by PostgreSQL.
    private static func checksum(_ text: String) -> Query<String> {
        SQL("select encode(sha256(convert_to(\(text), 'UTF8')), 'hex')").value()
    }

    private static let applied: Query<[Applied]> = SQL("select number, name, checksum from schema_migration order by number").all()

    private func compare(_ applied: [Applied], _ checksums: [String]) throws(MigrationError) {
        for (index, row) in applied.enumerated() {
            guard row.number == index + 1 else { throw .notInSequence(expected: index + 1, found: row.number) }
            guard index < migrations.count else { throw .databaseIsNewer(number: row.number, name: row.name) }
            guard row.checksum == checksums[index] else { throw .edited(number: row.number, name: row.name) }
        }
    }

    /// How the database stands.
    ///
    /// - Throws: as `migrate`, without changing anything.
    public func status(of client: PGClient) async throws -> Status {
        guard try await client.run(SQL("select to_regclass('schema_migration') is not null").value(Bool.self)) else {
            return Status(applied: 0, pending: migrations.count)
        }
        let applied = try await client.run(Self.applied)
        try compare(applied, try await client.runAll(migrations.map { Self.checksum($0.sql) }))
        return Status(applied: applied.count, pending: migrations.count - applied.count)
    }
}
