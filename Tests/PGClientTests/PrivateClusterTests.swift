import Foundation
import PGClient
import PostgresCluster
import TestSupport
import Testing

@Suite("Private cluster")
struct PrivateClusterTests {
    /// Set in the child process of `leavesNothingBehind`: the folder of the cluster it is to hold.
    private static let heldFolder = ProcessInfo.processInfo.environment["CLUSTER_HOLDER_FOLDER"]

    private func isRunning(_ pid: Int32) -> Bool {
        // A zombie waits for its parent and does nothing any more.
        guard let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8) else { return false }
        return status.split(separator: ")").last?.split(separator: " ").first != "Z"
    }

    @Test("a stopped folder is used again, with what was in it", .timeLimit(.minutes(5)))
    func reused() async throws {
        try await TestCluster.own { cluster in
            try await withClient(cluster.socketURL()) { _ = try await $0.run(SQL("create table kept (n int)").execute) }
            cluster.stop()
            #expect(cluster.postmasterPID == nil)
            let again = try PrivateCluster.start(folder: cluster.folder, logger: quiet)
            defer { again.stop(.immediate) }
            let rows = try await withClient(again.url()) { try await $0.run(SQL("select count(*) from kept").value(Int.self)) }
            #expect(rows == 0)
        }
    }

    @Test("a stop takes the time that the server takes, not that which a slow one would get", .timeLimit(.minutes(5)))
    func stopsAtOnce() async throws {
        try await TestCluster.own { cluster in
            let began = ContinuousClock.now
            cluster.stop()
            // The watchdog of a slow server waits for ten seconds; an empty one is gone in some tenths.
            #expect(ContinuousClock.now - began < .seconds(8))
        }
    }

    @Test("a killed server starts again and has recovered", .timeLimit(.minutes(5)))
    func killed() async throws {
        try await TestCluster.own { cluster in
            try await withClient(cluster.socketURL()) { _ = try await $0.run(SQL("create table kept (n int)").execute) }
            let pid = try #require(cluster.postmasterPID)
            cluster.kill()
            #expect(!isRunning(pid))
            try cluster.startServer()
            let rows = try await withClient(cluster.socketURL()) { try await $0.run(SQL("select count(*) from kept").value(Int.self)) }
            #expect(rows == 0)
        }
    }

    @Test("an owner that is killed leaves no process behind", .timeLimit(.minutes(5)), .enabled(if: heldFolder == nil))
    func leavesNothingBehind() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-held-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let owner = Process()
        owner.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        owner.arguments = ["--testing-library", "swift-testing", "--filter", "holdsACluster"]
        owner.environment = ProcessInfo.processInfo.environment.merging(["CLUSTER_HOLDER_FOLDER": folder.path]) { $1 }
        owner.standardInput = FileHandle.nullDevice
        owner.standardOutput = FileHandle.nullDevice
        owner.standardError = FileHandle.nullDevice
        try owner.run()
        let pids = folder.appending(path: "held.txt")
        try await eventually { FileManager.default.fileExists(atPath: pids.path) || !owner.isRunning }
        let postmaster = try #require(Int32(try String(contentsOf: pids, encoding: .utf8)))
        #expect(isRunning(postmaster))
        let guardian = try parent(of: postmaster)
        #expect(isRunning(guardian))
        kill(owner.processIdentifier, SIGKILL)
        try await eventually { !isRunning(postmaster) && !isRunning(guardian) }
    }

    private func parent(of pid: Int32) throws -> Int32 {
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("PPid:") })
        return try #require(Int32(line.dropFirst(5).trimmingCharacters(in: .whitespaces)))
    }

    /// The other half of `leavesNothingBehind`, in a process of its own.
    @Test("holds a cluster until it is killed", .enabled(if: heldFolder != nil))
    func holdsACluster() async throws {
        let folder = URL(filePath: try #require(Self.heldFolder))
        let cluster = try PrivateCluster.start(folder: folder, logger: quiet)
        let pid = try #require(cluster.postmasterPID)
        try Data("\(pid)".utf8).write(to: folder.appending(path: "held.txt"), options: .atomic)
        while true { pause() }
    }
}
