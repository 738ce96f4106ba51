import ArgumentParser
import Foundation
import MarketSchema

extension MarketCommand {
    /// Runs the command that the arguments name. Whatever it throws leaves as a sentence and an exit status.
    static func main() async {
        do {
            var command = try await asyncParseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch let error as Interrupted {
            exit(withError: error.exitCode)
        } catch {
            exit(withError: CommandFailure(system: error) ?? error)
        }
    }

    /// The version of this program, which is that of the contract it serves.
    static let version: String = {
        let lines = Schema.contract.split(separator: "\n", maxSplits: 20)
        guard let line = lines.first(where: { $0.hasPrefix("  version: ") }) else {
            preconditionFailure("openapi.yaml names its version near its beginning")
        }
        return String(line.dropFirst("  version: ".count))
    }()
}
