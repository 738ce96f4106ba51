import ArgumentParser
import Billing
import Foundation
import Logging
import MarketSchema
import PGClient
import ProductCatalog

/// `market verify`: re-derives what is stored and says where it does not agree.
struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Re-derive every stored window from the events and check the invariants.",
        discussion:
            "Reads one snapshot of the database and changes nothing. Exit status: 0 when all agrees, 2 on any drift, 1 when it could not be told."
    )

    @OptionGroup var database: DatabaseOptions

    func run() async throws {
        let logger = commandLogger("market.verify")
        let client = try database.client(connections: 2, logger: logger)
        let url = try database.url()
        let agrees = try await withRunning([client], logger: logger) {
            let verification = try await Verification.run(on: client)
            print(
                "windows: \(verification.windows) stored, \(verification.events) events folded, \(verification.unmatched) refunds without a known payment, "
                    + "\(verification.driftCount) drifted")
            for drift in verification.drifts {
                print("  resource \(drift.resourceID), \(drift.uid): stored \(describe(drift.stored)), derived \(describe(drift.derived))")
            }
            var broken = 0
            for invariant in Invariant.all {
                let rows = try await invariant.violations(url: url, logger: logger)
                if rows > 0 { broken += 1 }
                print("\(rows == 0 ? "holds" : "BROKEN (\(rows) rows)"): \(invariant.name)")
            }
            return verification.agrees && broken == 0
        }
        if !agrees { throw ExitCode(2) }
    }

    private func describe(_ state: WindowState?) -> String {
        state.map { "payEndTime \($0.payEndTime.milliseconds), last event \($0.lastEventTime.milliseconds), \($0.payments) payments" }
            ?? "nothing"
    }
}

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
