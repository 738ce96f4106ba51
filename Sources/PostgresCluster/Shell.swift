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

/// Who may run PostgreSQL: it refuses root, so root borrows an unprivileged user.
struct Runner {
    /// Nil when the caller is no root and runs it himself.
    let user: String?

    init() throws {
        guard getuid() == 0 else {
            user = nil
            return
        }
        if getpwnam("postgres") != nil {
            user = "postgres"
            return
        }
        if getpwnam("market-postgres") == nil {
            try Shell.run(
                "/usr/sbin/useradd", ["--system", "--shell", "/usr/sbin/nologin", "--home-dir", "/nonexistent", "market-postgres"])
        }
        user = "market-postgres"
    }

    /// The program and arguments that run a command as that user.
    func command(_ arguments: [String]) -> (program: String, arguments: [String]) {
        guard let user else { return (arguments[0], Array(arguments.dropFirst())) }
        return ("/usr/bin/setpriv", ["--reuid", user, "--regid", user, "--init-groups", "--"] + arguments)
    }

    @discardableResult
    func run(_ arguments: [String]) throws -> String {
        let (program, arguments) = command(arguments)
        return try Shell.run(program, arguments)
    }

    /// Whether that user can reach and write a folder.
    func canUse(_ folder: URL) -> Bool {
        (try? run(["/usr/bin/test", "-w", folder.path, "-a", "-x", folder.path])) != nil
    }

    func own(_ folder: URL) throws {
        if let user { try Shell.run("/bin/chown", ["-R", user, folder.path]) }
    }
}
