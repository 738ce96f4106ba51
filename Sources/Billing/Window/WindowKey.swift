import ProductCatalog

/// The key of a window: whose, on what. Ordered as the database orders it, so that all who lock several do it in one order.
public struct WindowKey: Hashable, Sendable, Comparable {
    public let resourceID: Resource.ID
    public let uid: UID

    public init(resourceID: Resource.ID, uid: UID) {
        self.resourceID = resourceID
        self.uid = uid
    }

    public static func < (left: WindowKey, right: WindowKey) -> Bool {
        left.resourceID == right.resourceID ? left.uid < right.uid : left.resourceID < right.resourceID
    }
}
