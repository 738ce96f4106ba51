import Foundation
import PostgresCluster

/// What the program holds in memory: idle, and what a backfill, an audience and an import add, each in a process of its own.
///
/// Runs on an empty market, before anything else is measured, and leaves it empty.
struct Memory {
    let ground: Ground
    /// Of the backfill and the import.
    let events: Int

    /// MiB resident.
    private static let idleLimit = 60.0
    private static let addedLimit = 64.0
    /// Events of an import that adds next to nothing, and still takes long enough for its memory to be read.
    static let few = 2_000
    /// Of the servers measured here; the one that everything else uses has another.
    private static let port = 28_081

    func rows() throws -> [any Finding] {
        let history = try History(events: events).file(of: ground)
        let (idle, backfill) = try onFreshServer { try $0.post(history, of: ground) }
        try ground.clear()
        let imported = try ground.memoryOfImporting(history)
        try ground.clear()
        // What the program is by itself: of an import, too, which has its connections and has read its code.
        let small = try ground.memoryOfImporting(try History(events: Self.few).file(of: ground))
        try ground.clear()
        let audiences = try Audiences(ground: ground, runs: 1)
        let (other, audience) = try audiences.filled {
            try onFreshServer { server in
                _ = try audiences.read(.csv, of: server)
                _ = try audiences.read(.ndjson, of: server)
            }
        }
        return [
            Bound(what: "memory of the server, idle", value: max(idle, other), limit: Self.idleLimit, unit: "MiB"),
            Self.added("a backfill of \(events) events over HTTP", backfill, over: idle),
            Self.added("audiences of \(Audiences.members), CSV and NDJSON", audience, over: other),
            Self.added("market import of \(events) events, to one of \(Self.few)", imported, over: small),
        ]
    }

    /// - Parameter most: MiB that were held; `idle` of them are those of the program by itself.
    static func added(_ what: String, _ most: Double, over idle: Double) -> Bound {
        Bound(
            what: "memory added by \(what)", value: most - idle, limit: addedLimit, unit: "MiB",
            because: "at most \(two(most)), idle \(two(idle))")
    }

    /// The most that the server held on which everything else was measured.
    static func underWork(_ server: ServerProcess) throws -> Bound {
        Bound(
            what: "memory of the server at most, after all else", value: try ProcessTime.memory(of: server.pid).most,
            limit: idleLimit + addedLimit, unit: "MiB")
    }

    /// - Returns: what the server held before the work, and the most until after it, in MiB.
    private func onFreshServer(_ work: (ServerProcess) throws -> Void) throws -> (idle: Double, most: Double) {
        let server = try ServerProcess(ground, port: Self.port)
        defer { server.stop() }
        let idle = try ProcessTime.memory(of: server.pid).now
        try work(server)
        return (idle, try ProcessTime.memory(of: server.pid).most)
    }
}

extension Ground {
    /// The most that `market import` holds, in MiB.
    ///
    /// Read while it runs, every 20 ms, since nothing can be read of a process that has ended: what it grows by in the last 20 ms is missed. The
    /// kernel's own count of ended children is no help: it begins with the size of the process that started them.
    func memoryOfImporting(_ history: String) throws -> Double {
        let process = Process()
        // env becomes the program, under the same number.
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = ["--default-signal", market] + importArguments(history)
        process.standardOutput = FileHandle.nullDevice
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        try process.run()
        var most = 0.0
        while ended.wait(timeout: .now() + .milliseconds(20)) == .timedOut {
            // Without a number it is about to end.
            if let memory = try? ProcessTime.memory(of: process.processIdentifier).most, memory > most { most = memory }
        }
        guard process.terminationStatus == 0, most > 0 else { throw BenchError("import ended with \(process.terminationStatus)") }
        return most
    }
}
