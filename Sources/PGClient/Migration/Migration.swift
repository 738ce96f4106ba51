import Foundation

/// One forward step of a schema.
public struct Migration: Sendable {
    /// 1, 2, 3 …
    public let number: Int
    public let name: String
    public let sql: String

    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }

    /// A migration from a file named `0001_what_it_does.sql`.
    ///
    /// - Throws: `MigrationError.badName` when the file is named otherwise.
    public init(fileName: String, sql: String) throws(MigrationError) {
        let parts = fileName.replacing(".sql", with: "").split(separator: "_", maxSplits: 1)
        guard fileName.hasSuffix(".sql"), parts.count == 2, parts[0].count == 4, let number = Int(parts[0]), number > 0 else {
            throw .badName(fileName)
        }
        self.init(number: number, name: String(parts[1]), sql: sql)
    }
}

/// Why a database cannot be brought up to date, or a server must not start on it.
public enum MigrationError: Error, Sendable, Equatable, CustomStringConvertible {
    case badName(String)
    /// Migrations are numbered from 1 without gaps or repeats.
    case notInSequence(expected: Int, found: Int)
    /// An applied migration is not what this program has under its number: it was edited after release.
    case edited(number: Int, name: String)
    /// The database has a migration that this program does not know: it belongs to a newer release.
    case databaseIsNewer(number: Int, name: String)
    /// Migrations wait to be applied.
    case behind(pending: Int)

    public var description: String {
        switch self {
        case .badName(let name): "\(name): a migration is named 0001_what_it_does.sql"
        case .notInSequence(let expected, let found): "migration \(found) stands where \(expected) is due"
        case .edited(let number, let name):
            "migration \(number) (\(name)) was applied with another text: migrations are never edited after release"
        case .databaseIsNewer(let number, let name):
            "the database has migration \(number) (\(name)), which this program does not know: it is older than the database"
        case .behind(let pending): "\(pending) migrations wait: run `market migrate`"
        }
    }
}
