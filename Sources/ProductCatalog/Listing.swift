/// A product's standing in the market: only named moves change it, and each is kept with who, when and why.
public enum Listing {
    public enum State: String, Sendable, CaseIterable {
        case pendingReview = "pending_review"
        case listed
        case rejected
        case delisted

        /// The states that a move may reach from here. The database holds the same table as a constraint.
        public var next: Set<State> {
            switch self {
            case .pendingReview: [.listed, .rejected]
            case .listed: [.delisted]
            case .delisted: [.listed]
            case .rejected: []
            }
        }
    }

    /// One step of a product's history.
    public struct Move: Sendable {
        public let number: Int
        public let from: State?
        public let to: State
        public let at: Instant
        public let actor: String
        public let reason: String?
        public let commissionBps: Int?
    }

    /// What the operator decided.
    public enum Review: Sendable {
        case approve(commissionBps: Int, reason: String?)
        case reject(reason: String?)
    }
}
