import ProductCatalog

/// A submission that is valid and new.
struct AcceptedEvent: Sendable {
    let event: PaymentEvent
    let product: ResolvedProduct
    let publisherID: Publisher.ID
    let source: RecordedEvent.Source
    let ordinal: Int
}

/// Decides for each submission of a batch, in the order of arrival, whether it is new, known, or not to be applied.
struct Judgement {
    enum Verdict {
        case accepted
        case duplicate
        /// Index into `kept`.
        case kept(Int)
        case unknownSender
    }

    /// Whose each identity is, with what was recorded first and anything else under it.
    private var recorded: [PaymentEvent.Identity: (publisher: Publisher.ID, events: [PaymentEvent])]
    private let now: Instant
    private(set) var accepted: [AcceptedEvent] = []
    private(set) var kept: [Keepsake] = []
    private(set) var verdicts: [Verdict] = []

    /// - Parameters:
    ///   - known: the recorded events under the trade numbers of the batch, whoever's.
    ///   - now: the database's clock.
    init(known: [PaymentEvent.Known], now: Instant) {
        recorded = Dictionary(known.map { ($0.event.identity, ($0.publisherID, [$0.event])) }) { ($0.publisher, $0.events + $1.events) }
        self.now = now
    }

    mutating func judge(_ submission: Submission, _ resolution: Resolution?) {
        guard let resolution else { return verdicts.append(.unknownSender) }
        let event: PaymentEvent
        do {
            // Judged by its own rules first: what breaks them stays wrong when its product becomes known.
            event = try PaymentEvent(submission.message, product: resolution.product?.productID ?? MessageProduct.ID(rawValue: 0), now: now)
        } catch {
            let detail = error.violations.map { "\($0.pointer): \($0.detail)" }.joined(separator: "; ")
            return keep(submission, resolution, .invalid, detail)
        }
        guard let product = resolution.product else {
            return keep(
                submission, resolution, .unknownProduct,
                "no product \(submission.message.prodId) with an app \(submission.message.appId) is known")
        }
        if let (owner, events) = recorded[event.identity], let first = events.first {
            guard !events.contains(event) else { return verdicts.append(.duplicate) }
            let detail =
                owner == resolution.publisherID
                ? "recorded already with another \(first.differences(from: event).joined(separator: ", "))"
                // What differs would tell what the other's payment is.
                : "recorded already for another publisher"
            return keep(submission, resolution, .conflict, detail)
        }
        recorded[event.identity] = (resolution.publisherID, [event])
        accepted.append(
            AcceptedEvent(
                event: event, product: product, publisherID: resolution.publisherID, source: submission.source, ordinal: accepted.count))
        verdicts.append(.accepted)
    }

    private mutating func keep(_ submission: Submission, _ resolution: Resolution, _ reason: QuarantineReason, _ detail: String) {
        verdicts.append(.kept(kept.count))
        kept.append(
            Keepsake(
                publisher: resolution.publisherID, app: resolution.inboundAppID, source: submission.source, reason: reason, detail: detail,
                tradeNumber: submission.message.tradeNo, body: submission.body))
    }
}

extension PaymentEvent {
    /// The names of the fields in which two events of one identity differ.
    func differences(from other: PaymentEvent) -> [String] {
        var names: [String] = []
        if uid != other.uid { names.append("uid") }
        if productID != other.productID { names.append("prodId") }
        if amount != other.amount { names.append("amount") }
        if addTime != other.addTime { names.append("addTime") }
        if createTime != other.createTime { names.append("createTime") }
        if payTradeNumber != other.payTradeNumber { names.append("payTradeNo") }
        return names
    }
}
