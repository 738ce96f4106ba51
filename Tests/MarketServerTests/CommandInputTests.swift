import ArgumentParser
import Billing
import Foundation
import ProductCatalog
import TestSupport
import Testing
import UnixSignals

@testable import MarketServer

@Suite("What commands read, and how they say that it ended")
struct CommandInputTests {
    @Test("a file that cannot be read is named in plain words")
    func unreadable() async throws {
        let missing = #expect(throws: CommandFailure.self) { try Input("/nowhere/history.ndjson") }
        #expect(missing?.description == "cannot read /nowhere/history.ndjson: no such file or directory")
        let folder = FileManager.default.temporaryDirectory.path
        let error = await #expect(throws: CommandFailure.self) { for try await _ in try Input(folder).chunks {} }
        #expect(error?.description == "cannot read \(folder): is a directory")
    }

    @Test("errors of the system become sentences; others are left as they are")
    func words() {
        struct Own: Error {}
        #expect(CommandFailure(system: Own()) == nil)
        #expect(CommandFailure(system: POSIXError(.EPIPE))?.description == "the system refused: broken pipe")
        let error = #expect(throws: (any Error).self) {
            try FileManager.default.createDirectory(atPath: "/proc/nowhere", withIntermediateDirectories: true)
        }
        #expect(error.flatMap { CommandFailure(system: $0) }?.description.hasPrefix("cannot use /proc/nowhere: ") == true)
    }

    @Test("a read that waits for bytes ends when its task is cancelled", .timeLimit(.minutes(5)))
    func cancelled() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "market-\(UUID().uuidString).fifo").path
        #expect(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        // Somebody who could write, and does not.
        let writer = open(path, O_RDWR)
        defer { close(writer) }
        let input = try Input(path)
        #expect(input.size == nil)
        let reading = Task { for try await _ in input.chunks {} }
        reading.cancel()
        await #expect(throws: CancellationError.self) { try await reading.value }
    }

    @Test("a command that a signal ended exits as a shell reports it")
    func exitCodes() {
        #expect(Interrupted(signal: .sigint).exitCode == ExitCode(130) && Interrupted(signal: .sigterm).exitCode == ExitCode(143))
    }

    @Test("a drift names the fields that differ, and no other")
    func drift() {
        var other = WindowState.empty
        other.unmatched = 1
        #expect(
            Verification.Drift.differences(.empty, other) == ("0 refunds without a known payment", "1 refunds without a known payment"))
        other = .empty
        other.plainSince = Instant(milliseconds: 5)
        #expect(Verification.Drift.differences(other, .empty) == ("plain since 5", "plain since never"))
        #expect(Verification.Drift.differences(nil, other).stored == "nothing")
    }

    @Test("an address that is taken is named with its host and port")
    func listening() async throws {
        try await TestServer.with { server in
            let taken = ListeningAddress(host: "127.0.0.1", port: server.port)
            let error = #expect(throws: CommandFailure.self) { try taken.probe() }
            #expect(error?.description.hasPrefix("cannot listen on 127.0.0.1:\(server.port): another program listens there") == true)
            await #expect(throws: CommandFailure.self) {
                try await Serving.serve(ServerSettings(databaseURL: "", port: server.port), logger: quiet)
            }
        }
        try ListeningAddress(host: "127.0.0.1", port: 0).probe()
        let nowhere = #expect(throws: CommandFailure.self) { try ListeningAddress(host: "192.0.2.1", port: 0).probe() }
        #expect(nowhere?.description.contains("this machine has no such address") == true)
    }
}
