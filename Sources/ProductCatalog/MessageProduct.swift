import PGClient

/// An immutable bundle of resources of one publisher, with price plans. A change is a new product that `replaces` the old one.
public struct MessageProduct: Sendable {
    public typealias ID = Identifier<MessageProduct>

    public let id: ID
    public let publisherID: Publisher.ID
    public let contentHash: ContentHash
    public let name: String
    public let summary: String
    public let description: String
    public let contact: String
    public let resourceIDs: [Resource.ID]
    public let pricePlans: [PricePlan]
    public let replaces: ID?
    /// The product's number on the hosted platform, where it has one. Not part of the content: it says where callbacks come from.
    public let externalID: Int64?
    public let createdAt: Instant
    public let listing: Listing.State
    /// Basis points (1/10000) of a sale that the platform keeps; nil until the review sets it.
    public let commissionBps: Int?

    /// What a publisher writes.
    public struct Draft: Sendable, Equatable {
        public let name: String
        public let summary: String
        public let description: String
        public let contact: String
        public let resourceIDs: [Resource.ID]
        public let pricePlans: [PricePlan.Draft]
        public let replaces: ID?
        public let externalID: Int64?

        /// - Throws: `InvalidFields` that name each field at fault.
        public init(
            name: String, summary: String, description: String, contact: String, resourceIDs: [Int64], pricePlans: [PricePlan.Draft],
            replaces: Int64? = nil, externalID: Int64? = nil
        ) throws(InvalidFields) {
            var check = FieldCheck()
            check.text(name, "/name", length: 1...100)
            check.text(summary, "/summary", length: 1...200)
            check.text(description, "/description", length: 1...10_000, multiline: true)
            check.text(contact, "/contact", length: 1...200)
            check.require((1...50).contains(resourceIDs.count), "/resourceIds", "1 to 50 resources")
            check.require(Set(resourceIDs).count == resourceIDs.count, "/resourceIds", "each resource once")
            check.require((1...20).contains(pricePlans.count), "/pricePlans", "1 to 20 price plans")
            for (index, plan) in pricePlans.enumerated() {
                plan.check(&check, at: "/pricePlans/\(index)")
            }
            if let externalID { check.externalID(externalID, "/externalId") }
            try check.finish()
            self.name = name
            self.summary = summary
            self.description = description
            self.contact = contact
            self.resourceIDs = resourceIDs.map(Resource.ID.init(rawValue:))
            self.pricePlans = pricePlans
            self.replaces = replaces.map(ID.init(rawValue:))
            self.externalID = externalID
        }
    }
}
