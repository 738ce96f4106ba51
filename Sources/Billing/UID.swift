import PGClient

/// A subscriber's number on the platform: `UID_…`, 1 to 64 of `[0-9A-Za-z_\-.@|*:]`.
public struct UID: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let text: String

    /// Nil when the text is no uid.
    public init?(_ text: String) {
        let bytes = text.utf8
        guard (1...64).contains(bytes.count),
            bytes.allSatisfy({ TradeNumber.isWordByte($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
        else { return nil }
        self.text = text
    }

    public var description: String { text }

    /// By bytes, as the database's "C" collation has it: both sides must agree on the order in which windows are locked.
    public static func < (left: UID, right: UID) -> Bool { left.text.utf8.lexicographicallyPrecedes(right.text.utf8) }
}

extension UID: PGEncodable, PGDecodable {
    public static var pgType: PGType { String.pgType }
    public func encode(into bytes: inout PGBytes) { text.encode(into: &bytes) }
    public init(pg cell: PGCell) throws(PGError) { text = try String(pg: cell) }
}
