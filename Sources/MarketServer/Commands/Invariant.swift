import Foundation
import Logging
import MarketSchema
import PGClient

/// One query of `sql/invariants.sql`: a promise, and the rows that break it.
struct Invariant: Sendable {
    let name: String
    let sql: String

    static let all: [Invariant] = Schema.invariants.components(separatedBy: "-- name: ").dropFirst().map { block in
        let end = block.firstIndex(of: "\n") ?? block.endIndex
        let sql = block[end...].trimmingCharacters(in: .whitespacesAndNewlines)
        return Invariant(name: String(block[..<end]), sql: sql.hasSuffix(";") ? String(sql.dropLast()) : sql)
    }

    /// The number of rows that break it.
    func violations(url: String, logger: Logger) async throws -> Int {
        let connection = try await AdministrativeConnection(url, logger: logger)
        do {
            let rows = try await connection.rowCount(sql)
            await connection.close()
            return rows
        } catch {
            await connection.close()
            throw error
        }
    }
}
