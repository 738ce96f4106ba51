import Foundation

/// The folder of `market dev`, which belongs to one process at a time.
struct DevFolder: Sendable {
    let url: URL

    /// Lends the folder, made where it is not there; no other `market dev` gets it until the body ends.
    ///
    /// - Throws: `CommandFailure` when another one has it, or it cannot be written to; what the body throws.
    static func with<R>(_ url: URL, _ body: (DevFolder) async throws -> R) async throws -> R {
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        let path = url.appending(path: "lock").path
        // Not for children: a lock that PostgreSQL inherits would outlive this process.
        let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard lock >= 0 else { throw CommandFailure("cannot write in the folder \(url.path)", code: errno) }
        // The system gives it back however this process ends.
        defer { close(lock) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw CommandFailure(
                "another `market dev` runs on the folder \(url.path): stop it first, or give this one a folder of its own with --folder")
        }
        return try await body(DevFolder(url: url))
    }

    /// How long a PostgreSQL whose `market dev` was killed may take to end: its guardian gives it ten seconds.
    private static let patience: Duration = .seconds(15)
    private static let pause: Duration = .milliseconds(100)

    /// Waits for a PostgreSQL of this folder whose `market dev` is gone: a second one could not start beside it.
    ///
    /// - Throws: `CommandFailure` when it does not end.
    func awaitEarlierPostgres(say: (String) -> Void) async throws {
        guard let process = earlierPostgres else { return }
        say("waiting for the PostgreSQL of an earlier run (process \(process)) to end …")
        let deadline = ContinuousClock.now + Self.patience
        while earlierPostgres == process {
            guard ContinuousClock.now < deadline else {
                throw CommandFailure("process \(process), a PostgreSQL that works on \(url.path), does not end: stop it first")
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    /// The process that the data names as its own, while a PostgreSQL has that number. Where there is no /proc nobody is waited for.
    private var earlierPostgres: Int32? {
        let file = url.appending(path: "data/postmaster.pid").path
        guard let text = try? String(contentsOfFile: file, encoding: .utf8),  // Not there while none runs.
            let process = text.split(separator: "\n").first.flatMap({ Int32($0) }),
            let name = try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8), name.hasPrefix("postgres")
        else { return nil }
        return process
    }
}
