import ArgumentParser
import Logging
import MarketSchema
import PGClient

/// `market migrate`: brings the database up to this program.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bring the database's schema up to date.",
        discussion: "Runs as the role that DATABASE_URL logs in as, which must own the database. Running it again changes nothing.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let reader = try await options.reader()
        let logger = try options.logger(reader)
        let database = PGClient.Configuration(url: try ServerSettings(reader).databaseURL)
        let applied = try await Migrator(Schema.migrations).migrate(database, logger: logger)
        if let epoch = try await Installation.recognise(database, logger: logger) {
            logger.notice("this is another PostgreSQL cluster than before: the event feed begins epoch \(epoch)")
        }
        print(applied.isEmpty ? "The schema is up to date." : "Applied \(applied.map(String.init).joined(separator: ", ")).")
    }
}

/// Which life of the database this is: transaction numbers begin anew after a restore into another cluster, so the feed's order needs a number
/// that grows with each.
enum Installation {
    /// Raises the epoch when the cluster underneath is not the one that the database remembers; the new epoch then.
    static func recognise(_ database: PGClient.Configuration, logger: Logger) async throws -> Int? {
        try await PGClient(database, logger: logger).run(recognition)
    }

    static let recognition: Query<Int?> = SQL(
        """
        update installation
        set epoch = epoch + 1, system_identifier = c.system_identifier
        from pg_control_system() c
        where installation.system_identifier <> c.system_identifier
        returning epoch::int
        """
    ).firstValue()
}
