import MarketSchema
import PGClient

extension Migrator {
    /// What every command asks first that reads or writes the market's tables.
    ///
    /// - Throws: `MigrationError` when the schema is not this program's; `PGError` from the database.
    func requireCurrent(_ database: PGClient) async throws {
        let status = try await status(of: database)
        if status.pending > 0 { throw MigrationError.behind(pending: status.pending) }
    }

    /// As above, of the schema that this program carries with it.
    static func requireCurrent(_ database: PGClient) async throws {
        try await Migrator(Schema.migrations).requireCurrent(database)
    }
}
