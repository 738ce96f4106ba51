import Foundation

/// Where PostgreSQL's programs are.
public enum PostgresBinaries {
    /// The folder that holds initdb and postgres: `PG_BINDIR`, else the newest of Debian's, else what pg_config in the path says.
    ///
    /// - Throws: `PrivateClusterError.notInstalled`
    public static func folder() throws(PrivateClusterError) -> URL {
        var candidates: [String] = []
        if let named = ProcessInfo.processInfo.environment["PG_BINDIR"] { candidates.append(named) }
        let debian = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: debian)) ?? []  // No such folder: nothing to look at.
        candidates += versions.compactMap(Int.init).sorted(by: >).map { "\(debian)/\($0)/bin" }
        candidates += (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
        for path in candidates where ["initdb", "postgres"].allSatisfy({ FileManager.default.isExecutableFile(atPath: "\(path)/\($0)") }) {
            return URL(filePath: path, directoryHint: .isDirectory)
        }
        throw .notInstalled
    }
}

public enum PrivateClusterError: Error, Sendable, CustomStringConvertible {
    case notInstalled
    case commandFailed(command: String, output: String)
    case didNotStart(log: String)

    public var description: String {
        switch self {
        case .notInstalled: "PostgreSQL's server programs are not installed: apt-get install postgresql (or set PG_BINDIR)"
        case .commandFailed(let command, let output): "\(command) failed: \(output)"
        case .didNotStart(let log): "PostgreSQL did not start: \(log)"
        }
    }
}
