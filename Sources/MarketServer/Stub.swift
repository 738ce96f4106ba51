import ArgumentParser
import Configuration
import Hummingbird

@main struct Market: AsyncParsableCommand {
    func run() async throws { print("market") }
}
