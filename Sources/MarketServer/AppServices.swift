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
    var services: [any Service] { [database, recording, authenticator, recorder, entitlements] }

    /// And what writes without being asked. It starts last.
    var byThemselves: [any Service] { [quarantine, IdempotencySweep(database: database, logger: logger)] }
}
