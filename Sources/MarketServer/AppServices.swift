import Billing
import Foundation
import Logging
import MarketSchema
import PGClient
import ProductCatalog
import ServiceLifecycle

/// All that the server is made of, wired here and nowhere else.
struct AppServices: Sendable {
    let settings: ServerSettings
    let logger: Logger
    let startedAt = Date()
    let metrics: MetricsRegistry
    let database: PGClient
    /// Of recording and of checks alone.
    let recording: PGClient
    let schema: Migrator
    let catalog: Catalog
    let authenticator: Authenticator
    let idempotency: Idempotency
    let recorder: EventRecorder
    let mailroom: Mailroom
    let quarantine: QuarantineDesk
    let entitlements: Entitlements
    let resources: ResourceDirectory

    init(_ settings: ServerSettings, metrics: MetricsRegistry = MetricsRegistry(), logger: Logger) throws {
        self.settings = settings
        self.logger = logger
        self.metrics = metrics
        database = PGClient(settings.database, logger: logger)
        recording = PGClient(settings.recording, logger: logger)
        schema = try Migrator(Schema.migrations)
        catalog = Catalog(database: database)
        authenticator = Authenticator(database: database, operatorToken: settings.operatorToken.map { TokenDigest(of: $0) })
        idempotency = Idempotency(database: database)
        recorder = EventRecorder(recording, logger: logger)
        mailroom = Mailroom(database)
        quarantine = QuarantineDesk(database, recorder: recorder, logger: logger)
        entitlements = Entitlements(database, lookups: recording)
        resources = ResourceDirectory(database)
    }

    /// What runs beside the HTTP server, in the order of starting. Shutdown goes the other way, the HTTP server first, so that each one still has
    /// what it stands on while it finishes.
    ///
    /// - Parameter gate: where the database is still to be looked at, who looks: what writes by itself begins when that is done.
    func services(gate: DatabaseSafety? = nil) -> [any Service] {
        let byThemselves: [any Service] = [quarantine, IdempotencySweep(database: database, logger: logger)]
        return [database, recording, authenticator, recorder, entitlements]
            + byThemselves.map { service in gate.map { Gated(service: service, gate: $0) } ?? service }
    }
}

/// Runs a service once the database was found to be safe.
private struct Gated: Service {
    let service: any Service
    let gate: DatabaseSafety

    func run() async throws {
        await cancelWhenGracefulShutdown { await gate.untilChecked() }
        if gate.isChecked { try await service.run() }
    }
}
