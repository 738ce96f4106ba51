import PGClient
import ProductCatalog

/// Keeps what never became an event: bodies that are no message, and actions that we do not know.
public struct Mailroom: Sendable {
    private let database: PGClient

    public init(_ database: PGClient) {
        self.database = database
    }

    /// Keeps a body once; the same one again is answered with the number that it has.
    ///
    /// - Throws: `PGError`; then nothing was kept, and the sender must not be told that it was.
    public func keep(
        _ body: [UInt8], reason: QuarantineReason, detail: String, publisher: Publisher.ID, app: App.ID?, source: RecordedEvent.Source
    ) async throws -> QuarantinedMessage.ID {
        try await keep([Keepsake(publisher: publisher, app: app, source: source, reason: reason, detail: detail, body: body)])[0]
    }

    /// Keeps bodies, each once, in one transaction; their numbers in the same order.
    func keep(_ bodies: [Keepsake]) async throws -> [QuarantinedMessage.ID] {
        guard !bodies.isEmpty else { return [] }
        return try await database.transaction(attempts: 3) { transaction in
            try await transaction.runAll(bodies.map { QuarantinedMessage.keep($0) })
        }
    }

    /// The app that an inbound key belongs to; nil for a key that nobody has.
    public func recipient(inboundKey: TokenDigest) async throws -> (app: App.ID, publisher: Publisher.ID)? {
        try await database.run(
            SQL("select id, publisher_id from app where inbound_key_sha256 = \(inboundKey)").values((App.ID, Publisher.ID).self)
        ).first.map { (app: $0.0, publisher: $0.1) }
    }
}
