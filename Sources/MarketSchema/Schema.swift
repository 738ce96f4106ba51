import CMarketFiles
import PGClient

/// What the program carries with it: the migrations of its database and its HTTP contract, compiled in from `sql/migrations` and `openapi.yaml`.
public enum Schema {
    /// Every migration, in order.
    public static let migrations: [Migration] = {
        var migrations: [Migration] = []
        while case let file = market_migration(migrations.count), let name = file.name {
            do throws(MigrationError) {
                migrations.append(try Migration(fileName: String(cString: name), sql: text(of: file)))
            } catch {
                preconditionFailure("\(error)")
            }
        }
        return migrations
    }()

    /// The queries that must return no row: `sql/invariants.sql`.
    public static let invariants = text(of: market_invariants())

    /// The text of `openapi.yaml`.
    public static let contract = text(of: market_contract())

    private static func text(of file: market_file) -> String {
        String(decoding: UnsafeBufferPointer(start: file.bytes, count: file.count), as: UTF8.self)
    }
}
