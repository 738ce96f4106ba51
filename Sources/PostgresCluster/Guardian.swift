import Foundation

/// Keeps a postmaster for as long as this process lives.
///
/// The postmaster is the child of a small shell that reads a pipe whose other end we hold. However we end, by SIGKILL too, the pipe closes, and
/// the shell stops the postmaster: nothing is left running.
final class Guardian: @unchecked Sendable {
    // SAFETY: set up in init and used under the lock of the cluster that owns it.
    private let process = Process()
    private let lifeline = Pipe()
    /// Left when the process has ended. Not waitUntilExit, which wants a run loop and spins without one while the process exits.
    private let running = DispatchGroup()
    private let data: URL
    private let log: URL

    /// $1 folder of the log, the rest is the postmaster. SIGINT is a fast shutdown; after 10 s SIGQUIT, an immediate one.
    /// The watchdog takes its sleep along when it is called off: whatever still runs counts as this process to Foundation, which would wait for it.
    private static let script = """
        log=$1; shift
        "$@" >>"$log" 2>&1 </dev/null &
        pid=$!
        read -r word || word=fast
        case "$word" in
            immediate) kill -QUIT $pid;;
            *) kill -INT $pid
               (trap 'kill $timer; exit' TERM; sleep 10 & timer=$!; wait $timer; kill -QUIT $pid) 2>/dev/null & watchdog=$!;;
        esac
        wait $pid
        [ -n "$watchdog" ] && kill $watchdog 2>/dev/null
        exit 0
        """

    /// A write to a pipe or socket whose reader is gone then fails where it is made, instead of ending the process: a guard may end before it is told to.
    private static let ignoresSIGPIPE: Void = { signal(SIGPIPE, SIG_IGN) }()

    init(runner: Runner, postgres: URL, data: URL, port: Int, sockets: URL, settings: [String: String]) throws {
        Self.ignoresSIGPIPE
        self.data = data
        log = data.deletingLastPathComponent().appending(path: "postgresql.log")
        var arguments = [postgres.path, "-D", data.path, "-p", "\(port)", "-k", sockets.path]
        let defaults = ["listen_addresses": "127.0.0.1", "timezone": "UTC", "max_connections": "100", "logging_collector": "off"]
        for (name, value) in defaults.merging(settings, uniquingKeysWith: { $1 }).sorted(by: { $0.key < $1.key }) {
            arguments += ["-c", "\(name)=\(value)"]
        }
        // env gives the shell its signals back: it inherits the mask of one of our threads, and with SIGCHLD blocked its `wait` never ends.
        let (program, all) = runner.command(["/usr/bin/env", "--default-signal", "/bin/sh", "-c", Self.script, "sh", log.path] + arguments)
        process.executableURL = URL(filePath: program)
        process.arguments = all
        process.currentDirectoryURL = URL(filePath: "/")
        process.standardInput = lifeline
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        running.enter()
        process.terminationHandler = { [running] _ in running.leave() }
        do {
            try process.run()
        } catch {
            // Nothing runs, so nothing will end.
            running.leave()
            throw error
        }
    }

    /// Waits until the server takes connections, a minute at most: recovery after a crash takes its time.
    func waitUntilReady(isready: URL, socketFolder: URL, port: Int) throws {
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
            // pg_isready waits by itself for the answer; between two tries there is nothing to wait on but time.
            if (try? Shell.run(isready.path, ["-h", socketFolder.path, "-p", "\(port)", "-t", "1"])) != nil { return }
            guard running.wait(timeout: .now() + .milliseconds(20)) == .timedOut else { break }
        }
        stop(.immediate)
        throw PrivateClusterError.didNotStart(log: lastLines())
    }

    private func lastLines() -> String {
        let text = (try? String(contentsOf: log, encoding: .utf8)) ?? ""  // No log: nothing to show.
        return text.split(separator: "\n").suffix(10).joined(separator: "\n")
    }

    var postmasterPID: Int32? {
        let file = data.appending(path: "postmaster.pid")
        guard let text = try? String(contentsOf: file, encoding: .utf8) else { return nil }
        return text.split(separator: "\n").first.flatMap { Int32($0) }
    }

    func stop(_ mode: StopMode) {
        // A guard that is gone already cannot be told; then its server is gone, too.
        if mode == .immediate { try? lifeline.fileHandleForWriting.write(contentsOf: Data("immediate\n".utf8)) }
        try? lifeline.fileHandleForWriting.close()
        // The shell gives the server ten seconds to end; one that outlives thirty is the system's to end.
        _ = running.wait(timeout: .now() + .seconds(30))
    }

    /// The postmaster's children end by themselves when it is gone.
    func kill() {
        if let pid = postmasterPID { _ = Foundation.kill(pid, SIGKILL) }
        stop(.immediate)
    }
}
