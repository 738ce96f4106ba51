import ServiceLifecycle

/// Runs a service once the database was found to be safe.
struct Gated: Service {
    let service: any Service
    let gate: DatabaseSafety

    func run() async throws {
        await cancelWhenGracefulShutdown { await gate.untilChecked() }
        if gate.isChecked { try await service.run() }
    }
}
