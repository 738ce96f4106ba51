import PGClient

/// A subscriber's number on the platform: `UID_…`, 1 to 64 of `[0-9A-Za-z_\-.@|*:]`.
public struct UID: Hashable, Sendable {
    public let text: String

    /// Nil when the text is no uid.
    public init?(_ text: String) {
        let bytes = text.utf8
        guard (1...64).contains(bytes.count),
            bytes.allSatisfy({ TradeNumber.isWordByte($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: ":") })
        else { return nil }
        self.text = text
    }

    init(stored text: String) {
        self.text = text
    }
}

// Each by name, because the protocol itself is nobody's business outside.
extension UID: WireWord, Comparable, CustomStringConvertible, PGEncodable, PGDecodable {}
