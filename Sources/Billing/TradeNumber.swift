import PGClient

/// The number of a payment or a refund, the "merchant number" in the subscriber's bill: 6 to 64 of `[0-9A-Za-z_\-|*@]`.
public struct TradeNumber: Hashable, Sendable {
    public let text: String

    /// Nil when the text is no trade number.
    public init?(_ text: String) {
        let bytes = text.utf8
        guard (6...64).contains(bytes.count), bytes.allSatisfy(Self.isWordByte) else { return nil }
        self.text = text
    }

    static func isWordByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "|"), UInt8(ascii: "*"), UInt8(ascii: "@"): true
        default: false
        }
    }

    init(stored text: String) {
        self.text = text
    }
}

// Each by name, because the protocol itself is nobody's business outside.
extension TradeNumber: WireWord, Comparable, CustomStringConvertible, PGEncodable, PGDecodable {}
