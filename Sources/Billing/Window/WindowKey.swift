import ProductCatalog

/// The key of a window: whose, on what.
///
/// Ordered by uid, in bytes as the database orders them, and then by resource: all who make, lock or write several do it in this order, so that none
/// waits for another crosswise. And so the windows that one payment moves are made beside each other, and lie in one page from then on.
public struct WindowKey: Hashable, Sendable, Comparable {
    public let resourceID: Resource.ID
    public let uid: UID

    public init(resourceID: Resource.ID, uid: UID) {
        self.resourceID = resourceID
        self.uid = uid
    }

    public static func < (left: WindowKey, right: WindowKey) -> Bool {
        left.uid == right.uid ? left.resourceID < right.resourceID : left.uid < right.uid
    }
}
