import PGClient
import ProductCatalog

/// Who a message about a resource may reach: those who hold paid time, those who once paid and hold none, or both.
///
/// Subscribers without a follow who never paid are nobody's audience yet.
public struct Audience: Sendable {
    public enum Mode: String, Sendable, CaseIterable {
        case paid
        case unpaid
        case all
    }

    public struct Member: Sendable, Equatable {
        public let uid: UID
        public let payEndTime: Instant
    }

    public let resourceID: Resource.ID
    public let mode: Mode
    /// Nil for the database's now.
    public let at: Instant?
    /// Nil for all that is known.
    public let knownAt: Instant?
    /// Windows that are folded from one that has to be, and members of the copy after them. A window that has to be folded makes so many dear.
    var pageSize = 50_000

    public init(of resource: Resource.ID, mode: Mode, at: Instant? = nil, knownAt: Instant? = nil) {
        resourceID = resource
        self.mode = mode
        self.at = at
        self.knownAt = knownAt
    }

    /// Whether the stored state is the answer: nothing was folded into it that lies after the instant, and all that is known counts.
    func isCurrent(_ state: WindowState, at instant: Instant) -> Bool {
        knownAt == nil && state.lastEventTime <= instant
    }

    func holds(_ state: WindowState, at instant: Instant) -> Bool {
        guard state.payments > 0 else { return false }
        return switch mode {
        case .paid: instant < state.payEndTime
        case .unpaid: instant >= state.payEndTime
        case .all: true
        }
    }
}
