import ArgumentParser

/// What is done to the server or to what it stands on. `docs/OPERATIONS.md` says what must hold.
enum Fault: String, CaseIterable, ExpressibleByArgument, Sendable {
    case serverKill = "server-kill"
    case databaseKill = "database-kill"
    case backendKill = "backend-kill"
    case databaseRestart = "database-restart"
    case commitCut = "commit-cut"
    case diskFull = "disk-full"
    case integers
    case termination

    /// Plays the fault with its control, and prints a line for each.
    ///
    /// - Returns: what did not hold.
    func play(_ options: Chaos) async throws -> [String] {
        switch self {
        case .serverKill: try await ServerKill.play(options)
        case .databaseKill: try await DatabaseKill.playKill(options)
        case .backendKill: try await DatabaseKill.playBackend(options)
        case .databaseRestart: try await DatabaseKill.playRestart(options)
        case .commitCut: try await CommitCut.play(options)
        case .diskFull: try await DiskFull.play(options)
        case .integers: try await Integers.play(options)
        case .termination: try await Termination.play(options)
        }
    }
}

extension Chaos {
    func count(short: Int, long: Int) -> Int { rounds == .short ? short : max(1, long * percent / 100) }
}
