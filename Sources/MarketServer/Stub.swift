import ArgumentParser
import Configuration
import Hummingbird

@main struct Market: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "market", subcommands: [ImportCommand.self, VerifyCommand.self, DemoCommand.self])
}
