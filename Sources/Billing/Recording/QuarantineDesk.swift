import Logging
import PGClient
import ProductCatalog
import ServiceLifecycle

/// Where a person, or the product that was missing, has kept messages applied or dismissed.
///
/// A `Service`: from time to time it looks for messages whose product has become known, so that they are applied by themselves even when the server
/// that made the product known was killed before it could.
public final class QuarantineDesk: Service {
    private let database: PGClient
    private let recorder: EventRecorder
    private let logger: Logger
    private let rounds = SharedRounds<Publisher.ID>()

    /// How often the messages that wait are looked through.
    static let interval: Duration = .seconds(30)
    /// Messages that are looked at in one go: of the longest they take an eighth of the room in which messages wait to be recorded.
    private static let chunk = 100

    public init(_ database: PGClient, recorder: EventRecorder, logger: Logger) {
        self.database = database
        self.recorder = recorder
        self.logger = logger
    }

    public func run() async throws {
        await cancelWhenGracefulShutdown {
            // What was kept while a product was being made may have missed it, and be there only a round later: so a change is followed by two looks.
            var (seen, before): (CatalogMark?, CatalogMark?)
            while !Task.isCancelled {
                do {
                    let mark = try await self.database.run(CatalogMark.current)
                    if mark != seen || mark != before { try await self.applyWaiting(of: nil) }
                    (seen, before) = (mark, seen)
                } catch {
                    // The next round tries again; what waits is safe where it is.
                    self.logger.warning("cannot look through the quarantine", metadata: ["error": "\(error)"])
                }
                do {
                    try await Task.sleep(for: Self.interval)
                } catch {
                    return  // Shut down.
                }
            }
        }
    }

    /// Applies what waited for a product that is known now.
    ///
    /// - Parameters:
    ///   - publisher: nil for all.
    ///   - most: messages looked at.
    /// - Returns: the number applied.
    /// - Throws: what kept the first message that could not be tried, after those behind it were; at once, where none of many could be.
    @discardableResult
    public func applyWaiting(of publisher: Publisher.ID?, most: Int = .max) async throws -> Int {
        var applied = 0
        var looked = 0
        var after: QuarantinedMessage.ID?
        var failure: (any Error)?
        while true {
            guard looked < most else { break }
            let messages = try await database.run(QuarantinedMessage.waiting(of: publisher, after: after, limit: Self.chunk))
            guard let last = messages.last else { break }
            after = last.id
            looked += messages.count
            let readable = messages.compactMap { message in Submission(message).map { (message, $0) } }
            let results = await recorder.recordEach(readable.map(\.1))
            var tried: [(QuarantinedMessage, RecordOutcome)] = []
            for ((message, _), result) in zip(readable, results) {
                do {
                    tried.append((message, try result.get()))
                } catch {
                    failure = failure ?? error
                }
            }
            // One that cannot be recorded does not keep those behind it; a database that is not there keeps all.
            if let failure, tried.isEmpty, readable.count > 1 { throw failure }
            applied += try await settle(tried)
        }
        if let failure { throw failure }
        return applied
    }

    /// To be called when a publisher's products or apps have changed: applies what waited for that, up to a point, before the caller goes on. The rest,
    /// and all of it when the database fails, is left to the next round. Many changes at once share a look.
    public func productsChanged(of publisher: Publisher.ID) async {
        await rounds.run(publisher) {
            do {
                try await applyWaiting(of: publisher, most: Self.mostAtOnce)
            } catch {
                logger.warning("cannot apply what waits for a product yet", metadata: ["publisher": "\(publisher)", "error": "\(error)"])
            }
        }
    }

    /// Messages that one who makes a product waits for: a second's work.
    private static let mostAtOnce = 5_000

    /// Tries an open message again.
    ///
    /// - Returns: what became of it; nil when it is not open.
    public func replay(_ message: QuarantinedMessage) async throws -> RecordOutcome? {
        guard message.state == .open else { return nil }
        guard let submission = Submission(message) else {
            return .quarantined(message.reason, detail: message.detail, id: message.id)
        }
        let outcome = try await recorder.record(submission)
        _ = try await settle([(message, outcome)])
        return outcome
    }

    /// Closes a message for good.
    ///
    /// - Returns: false when it is not open.
    public func dismiss(_ id: QuarantinedMessage.ID, reason: String, of publisher: Publisher.ID) async throws -> Bool {
        let resolution = QuarantinedMessage.Resolution(id: id, state: .dismissed, words: reason)
        return try await !database.run(QuarantinedMessage.resolve([resolution]), of: publisher).isEmpty
    }

    /// Closes messages that have become something else.
    ///
    /// - Returns: how many were applied.
    private func settle(_ tried: [(message: QuarantinedMessage, outcome: RecordOutcome)]) async throws -> Int {
        let resolutions: [QuarantinedMessage.Resolution] = tried.compactMap { message, outcome in
            switch outcome {
            case .recorded: .init(id: message.id, state: .applied, words: "recorded", isDone: true)
            case .duplicate: .init(id: message.id, state: .applied, words: "known already")
            // It waits for something else now, under another number, unless somebody has closed that.
            case .quarantined(let reason, _, let id) where id != message.id:
                .init(id: message.id, state: .dismissed, words: "kept again as \(id): \(reason.rawValue)", insteadOf: id)
            case .quarantined: nil
            }
        }
        guard !resolutions.isEmpty else { return 0 }
        return try await database.run(QuarantinedMessage.resolve(resolutions)).count { $0 == .applied }
    }
}

/// Changes whenever a product is made, or an app is given another number of the platform's: only then can a message that waits have found its product.
struct CatalogMark: PGRowDecodable, Equatable, Sendable {
    private let newestProduct: Int64
    private let externalNumbers: Int64

    init(row: PGRow) throws(PGError) {
        (newestProduct, externalNumbers) = try row.decode()
    }

    static let current: Query<CatalogMark> = SQL(
        """
        select coalesce((select max(id) from product), 0),
               coalesce((select sum(hashint8(id # external_id))::bigint from app where external_id is not null), 0)
        """
    ).one()
}

extension Submission {
    /// The message that was kept, read again as it was read when it came; nil when it is not of the shape of one. Of what was too long the beginning is
    /// kept, and that is no message even where it looks like one.
    public init?(_ kept: QuarantinedMessage) {
        guard kept.reason != .oversized, let json = try? JSONValue(parsing: kept.body), case .object(var object) = json else { return nil }
        // A callback of the platform is kept in its envelope, a line of a backfill is the data itself, whatever further members it has.
        if kept.source == .inbound {
            guard case .string("order_pay")? = object["action"], case .object(let data)? = object["data"] else { return nil }
            object = data
        }
        guard let message = try? OrderPay(object) else { return nil }
        self.init(message, publisher: kept.publisherID, inboundApp: kept.appID, source: kept.source, body: kept.body)
    }
}
