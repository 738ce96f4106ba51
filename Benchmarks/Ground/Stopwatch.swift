import Foundation

/// The clock, and the processor time of servers, of PostgreSQL and of nobody, from the moment it is made.
struct Stopwatch {
    private let ground: Ground
    private let servers: [ServerProcess]
    private let readings: Readings
    private let start: ContinuousClock.Instant

    private struct Readings {
        let servers, postgres, children, idle: Double
    }

    init(_ ground: Ground, servers: [ServerProcess] = []) throws {
        (self.ground, self.servers) = (ground, servers)
        readings = try Self.read(ground, servers)
        start = .now
    }

    private static func read(_ ground: Ground, _ servers: [ServerProcess]) throws -> Readings {
        Readings(
            servers: try servers.reduce(0) { try $0 + ProcessTime.of($1.pid) }, postgres: try ground.postgresTime(),
            children: ProcessTime.ofEndedChildren(), idle: try ProcessTime.ofNobody())
    }

    /// What was done since. Whatever this process has started and seen end in between counts as the generator of the load.
    ///
    /// - Parameters:
    ///   - rate: as the generator of the load counted it; nil for operations by the clock.
    ///   - own: processor seconds of the program that did the work, where that is no server.
    func figure(operations: Int, rate: Double? = nil, own: Double? = nil) throws -> Figure {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let now = try Self.read(ground, servers)
        let count = Double(operations)
        let worked = own ?? (now.servers - readings.servers)
        let postgres = now.postgres - readings.postgres
        // A program that did the work is a child, too.
        let generator = max(0, now.children - readings.children - (own ?? 0))
        return Figure(
            rate: rate ?? count / seconds, own: worked / count * 1e6, postgres: postgres / count * 1e6, generator: generator / count * 1e6,
            available: (worked + postgres + generator + now.idle - readings.idle) / seconds)
    }
}
