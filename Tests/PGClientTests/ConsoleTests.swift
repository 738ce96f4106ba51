import Foundation
import Testing

@testable import PostgresCluster

@Suite("What a program says")
struct ConsoleTests {
    /// A pipe that nobody reads any more.
    private func closed() throws -> Pipe {
        signal(SIGPIPE, SIG_IGN)
        let pipe = Pipe()
        try pipe.fileHandleForReading.close()
        return pipe
    }

    private func text(of pipe: Pipe) throws -> String {
        try pipe.fileHandleForWriting.close()
        return String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    }

    @Test("stands on standard output, at once")
    func heard() throws {
        let (output, error) = (Pipe(), Pipe())
        Console.say("listening", on: output.fileHandleForWriting, or: error.fileHandleForWriting)
        #expect(output.fileHandleForReading.availableData == Data("listening\n".utf8))
        #expect(try text(of: error) == "")
    }

    @Test("goes to standard error with the reason where nobody reads standard output any more, and the program goes on")
    func unheard() throws {
        let error = Pipe()
        Console.say("listening", on: try closed().fileHandleForWriting, or: error.fileHandleForWriting)
        let said = try text(of: error)
        #expect(said.hasPrefix("listening (") && said.hasSuffix(")\n"), "\(said)")
        Console.say("listening", on: try closed().fileHandleForWriting, or: try closed().fileHandleForWriting)
    }
}
