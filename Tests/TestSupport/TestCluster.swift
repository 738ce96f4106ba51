import Foundation
import Logging
import NIOConcurrencyHelpers
import PostgresCluster

/// The PostgreSQL that the tests of one process share, started when the first test asks for it.
///
/// It does not wait for the disk (fsync off): what these tests prove does not hang on it, and those that kill servers start clusters of their own.
public enum TestCluster {
    public static let shared: Result<PrivateCluster, any Error> = Result {
        var logger = Logger(label: "test-cluster")
        logger.logLevel = .warning
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-tests-\(ProcessInfo.processInfo.processIdentifier)")
        folders.withLockedValue { $0.append(folder) }
        let cluster = try PrivateCluster.start(
            folder: folder,
            settings: [
                "fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "shared_buffers": "256MB", "max_connections": "1500",
            ],
            logger: logger)
        atexit {
            if case .success(let cluster) = TestCluster.shared { cluster.stop(.immediate) }
            for folder in TestCluster.folders.withLockedValue({ $0 }) { try? FileManager.default.removeItem(at: folder) }
        }
        return cluster
    }

    /// Removed at exit.
    private static let folders = NIOLockedValueBox<[URL]>([])

    /// A cluster of the test's own, to be killed and cut; durable as in production. It is stopped and removed when the body ends.
    public static func own<R>(settings: [String: String] = [:], _ body: (PrivateCluster) async throws -> R) async throws -> R {
        let folder = FileManager.default.temporaryDirectory.appending(path: "market-own-\(UUID().uuidString)")
        var logger = Logger(label: "own-cluster")
        logger.logLevel = .warning
        let cluster = try PrivateCluster.start(folder: folder, settings: settings, logger: logger)
        defer {
            cluster.stop(.immediate)
            try? FileManager.default.removeItem(at: folder)
            try? FileManager.default.removeItem(at: cluster.socketFolder)
        }
        return try await body(cluster)
    }
}
