import Crypto
import Foundation

/// The canonical form: JSON with sorted keys and no white space, as RFC 8785 has it for the strings and integers that stand in it.
private struct CanonicalContent: Encodable {
    struct Plan: Encodable {
        let name: String
        let amount: Int64
        let addTime: Int64
    }

    let publisherId: Int64
    let name: String
    let summary: String
    let description: String
    let contact: String
    let resourceIds: [Int64]
    let pricePlans: [Plan]
    let replaces: Int64?
}

extension ContentHash {
    /// The hash of what a draft says when a publisher submits it.
    public init(of draft: MessageProduct.Draft, by publisher: Publisher.ID) throws {
        try self.init(
            CanonicalContent(
                publisherId: publisher.rawValue, name: draft.name, summary: draft.summary, description: draft.description,
                contact: draft.contact, resourceIds: draft.resourceIDs.map(\.rawValue),
                pricePlans: draft.pricePlans.map { .init(name: $0.name, amount: $0.amount.fen, addTime: $0.addTime.milliseconds) },
                replaces: draft.replaces?.rawValue))
    }

    /// The hash that a stored product must have.
    public init(recomputedOf product: MessageProduct) throws {
        try self.init(
            CanonicalContent(
                publisherId: product.publisherID.rawValue, name: product.name, summary: product.summary, description: product.description,
                contact: product.contact, resourceIds: product.resourceIDs.map(\.rawValue),
                pricePlans: product.pricePlans.map { .init(name: $0.name, amount: $0.amount.fen, addTime: $0.addTime.milliseconds) },
                replaces: product.replaces?.rawValue))
    }

    private init(_ content: CanonicalContent) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        bytes = Array(SHA256.hash(data: try encoder.encode(content)))
    }
}
