import ArgumentParser

/// The command `market`.
@main
struct MarketCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "market",
        abstract: "A market of paid messages: sell messages by time, and know to the millisecond who may receive them.",
        version: version,
        subcommands: [
            Serve.self,
            DevCommand.self,
            Migrate.self,
            ImportCommand.self,
            VerifyCommand.self,
            DemoCommand.self,
            Doctor.self,
        ])
}
