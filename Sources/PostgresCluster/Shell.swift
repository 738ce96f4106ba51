import Foundation

/// Runs a program to its end.
package enum Shell {
    /// - Returns: what it printed.
    /// - Throws: `PrivateClusterError.commandFailed` when it exits with anything but 0.
    @discardableResult
    package static func run(_ program: String, _ arguments: [String]) throws -> String {
        let process = Process()
        // env gives the program its signals back: it inherits the mask of one of our threads, which blocks what timers and children tell by.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal", program] + arguments
        process.currentDirectoryURL = URL(filePath: "/")
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        process.standardInput = FileHandle.nullDevice
        // Not waitUntilExit: it turns the run loop of its thread, and where that has nothing to do it may miss the end.
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        ended.wait()
        let text = String(decoding: data, as: UTF8.self)
        guard process.terminationStatus == 0 else {
            throw PrivateClusterError.commandFailed(command: ([program] + arguments).joined(separator: " "), output: text)
        }
        return text
    }
}
