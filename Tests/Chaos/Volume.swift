import Foundation
import PostgresCluster

/// A small file system in memory, to be filled up. Only root may mount one.
struct Volume: Sendable {
    private let folder: URL

    /// Whether this process may mount one: it is tried, in a view of the file systems that ends with the trial.
    static var isAllowed: Bool { (try? Shell.run("/usr/bin/unshare", ["--mount", "true"])) != nil }  // Any failure is a no.

    init(at folder: URL, bytes: Int) throws {
        self.folder = folder
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Shell.run("/usr/bin/mount", ["-t", "tmpfs", "-o", "size=\(bytes),mode=0700", "tmpfs", folder.path])
    }

    func remove() throws { try Shell.run("/usr/bin/umount", [folder.path]) }

    /// Fills all but so many bytes. Others write meanwhile: what was free may be taken before it is asked for
    /// (a segment of PostgreSQL's log is 16 MB at once), so it is measured again, up to `attempts` times.
    static func fill(_ folder: URL, leaving bytes: Int) throws {
        try Data().write(to: filler(folder))
        let file = try FileHandle(forWritingTo: filler(folder))
        defer { try? file.close() }  // Nothing was written through it that a close could lose.
        for _ in 1...attempts {
            var status = statvfs()
            guard statvfs(folder.path, &status) == 0 else { throw ChaosError("statvfs \(folder.path): errno \(errno)") }
            let taken = Int(status.f_bavail) * Int(status.f_frsize) - bytes
            guard taken > 0 else { return }
            switch posix_fallocate(file.fileDescriptor, 0, off_t(taken)) {
            case 0: return
            case ENOSPC, EINTR: continue
            case let code: throw ChaosError("posix_fallocate of \(taken) bytes in \(folder.path): errno \(code)")
            }
        }
        throw ChaosError("what was free in \(folder.path) was taken by others before it could be filled, \(attempts) times in a row")
    }

    /// Each lost race means that others took space, of which there is an end.
    private static let attempts = 100

    static func free(_ folder: URL) throws { try FileManager.default.removeItem(at: filler(folder)) }

    private static func filler(_ folder: URL) -> URL { folder.appending(path: "filler") }
}
