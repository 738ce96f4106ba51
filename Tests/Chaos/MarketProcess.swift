import Foundation
import PostgresCluster
import Synchronization

/// A `market serve` of its own process, to be killed.
final class MarketProcess: @unchecked Sendable {
    // SAFETY: `process` is set up in init and afterwards only asked whether it runs, and for its status once it does not.
    private let process = Process()

    /// - Parameter log: is appended to.
    init(program: URL, arguments: [String], environment: [String: String], log: URL) throws {
        // env gives the program its signals back: it inherits the mask of one of our threads.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal", program.path] + arguments
        process.environment = environment
        process.currentDirectoryURL = URL(filePath: "/")
        if !FileManager.default.fileExists(atPath: log.path) { try Data().write(to: log) }
        let file = try FileHandle(forWritingTo: log)
        try file.seekToEnd()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = file
        process.standardError = file
        try process.run()
        Watcher.shared.guard(process.processIdentifier)
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    func signal(_ signal: Int32) { Foundation.kill(process.processIdentifier, signal) }

    /// Waits for the end; the exit status, or minus the signal that killed it.
    func ended(within limit: Duration) async throws -> Int32 {
        try await Waiting.until("the end of the server", within: limit) { !process.isRunning }
        Watcher.shared.release(process.processIdentifier)
        return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
    }
}

/// Kills the servers that are left when this process is gone, however it went: a shell that reads our pipe sees it close.
final class Watcher: @unchecked Sendable {
    // SAFETY: both are set up in init; the pipe is written to under the lock.
    private let process = Process()
    private let pipe = Pipe()
    private let lock = Mutex(())

    static let shared = Watcher()

    private static let script = """
        pids=" "
        while read -r sign pid; do
            if [ "$sign" = + ]; then pids="$pids$pid "; else pids=$(echo "$pids" | sed "s/ $pid / /"); fi
        done
        for pid in $pids; do kill -9 "$pid"; done
        """

    private init() {
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal", "/bin/sh", "-c", Self.script]
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            preconditionFailure("there is no shell: \(error)")
        }
    }

    func `guard`(_ pid: Int32) { write("+ \(pid)\n") }
    func release(_ pid: Int32) { write("- \(pid)\n") }

    private func write(_ line: String) {
        lock.withLock { _ in
            do {
                try pipe.fileHandleForWriting.write(contentsOf: Data(line.utf8))
            } catch {
                preconditionFailure("the watcher of the servers is gone: \(error)")
            }
        }
    }
}
