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

    private var recorded: [PaymentEvent.Identity: [PaymentEvent]]
    private let now: Instant
    private(set) var accepted: [AcceptedEvent] = []
    private(set) var kept: [Keepsake] = []
    private(set) var verdicts: [Verdict] = []

    /// - Parameters:
    ///   - known: the recorded events under the trade numbers of the batch, whoever's.
    ///   - now: the database's clock.
    init(known: [PaymentEvent], now: Instant) {
        recorded = Dictionary(grouping: known, by: { $0.identity })
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
        if let first = recorded[event.identity]?.first {
            guard recorded[event.identity]?.contains(event) != true else { return verdicts.append(.duplicate) }
            return keep(
                submission, resolution, .conflict, "recorded already with another \(first.differences(from: event).joined(separator: ", "))"
            )
        }
        recorded[event.identity] = [event]
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
    /// The names of the fields in which two events of one identity differ. Names alone: the other may be another publisher's.
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
