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

    /// Fills all but so many bytes.
    static func fill(_ folder: URL, leaving bytes: Int) throws {
        var status = statvfs()
        guard statvfs(folder.path, &status) == 0 else { throw ChaosError("statvfs \(folder.path): errno \(errno)") }
        let free = Int(status.f_bavail) * Int(status.f_frsize)
        try Shell.run("/usr/bin/fallocate", ["-l", "\(max(free - bytes, 4_096))", filler(folder).path])
    }

    static func free(_ folder: URL) throws { try FileManager.default.removeItem(at: filler(folder)) }

    private static func filler(_ folder: URL) -> URL { folder.appending(path: "filler") }
}
