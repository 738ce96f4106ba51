import ArgumentParser
import Billing
import Logging
import PGClient

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
            try await Migrator.requireCurrent(client)
            let verification = try await Verification.run(on: client)
            print(
                "windows: \(verification.windows) stored, \(verification.events) events folded, \(verification.unmatched) refunds without a known payment, "
                    + "\(verification.driftCount) drifted")
            for drift in verification.drifts {
                print("  \(drift.line)")
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
}
