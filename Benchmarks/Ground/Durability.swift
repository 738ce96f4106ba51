import Foundation
import PostgresCluster

/// What the figures stand on: a PostgreSQL that keeps what it has acknowledged, on a disk. Without that every figure would be of another program.
struct Durability {
    private static let mustBeOn = ["fsync", "synchronous_commit", "full_page_writes"]

    /// What was read, for the head of the table.
    let text: String

    /// - Throws: when a setting is off, or the data is in memory.
    init(_ ground: Ground) throws {
        var parts = ["PostgreSQL \(try ground.psql("show server_version"))"]
        for name in Self.mustBeOn {
            let value = try ground.psql("show \(name)")
            guard value == "on" else { throw BenchError("\(name) is \(value): what is measured would not be durable") }
            parts.append("\(name) \(value)")
        }
        let data = try ground.psql("show data_directory")
        let fileSystem = try Shell.run("df", ["--output=fstype", data]).split(separator: "\n").last.map(String.init) ?? "unknown"
        guard !["tmpfs", "ramfs", "devtmpfs"].contains(fileSystem) else {
            throw BenchError("\(data) is on \(fileSystem), which is memory: set TMPDIR to a folder on a disk")
        }
        text = (parts + ["data on \(fileSystem)"]).joined(separator: ", ")
    }
}
