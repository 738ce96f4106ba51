import PGClient

/// The number of a row of one kind: an app's id is no product's id, and the compiler knows it.
///
/// On the wire a JSON number from 1 to 2^53 - 1, so that clients which read numbers as doubles lose nothing.
public struct Identifier<Of>: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let rawValue: Int64

    public init(rawValue: Int64) {
        self.rawValue = rawValue
    }

    /// The identifier that the text spells in plain decimal digits, nil when it is no number from 1 to 2^53 - 1.
    public init?(_ text: some StringProtocol) {
        guard let value = Int64(text), (1...WireInteger.max).contains(value), text.first != "+" else { return nil }
        rawValue = value
    }

    public var description: String { String(rawValue) }

    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

extension Identifier: PGEncodable {
    public static var pgType: PGType { Int64.pgType }
    public func encode(into bytes: inout PGBytes) { rawValue.encode(into: &bytes) }
}

extension Identifier: PGDecodable {
    public init(pg cell: PGCell) throws(PGError) { rawValue = try Int64(pg: cell) }
}

/// The integers that every JSON reader keeps exact (RFC 8259 §6): the limit of each number that the server sends or takes.
public enum WireInteger {
    /// 2^53 - 1
    public static let max: Int64 = 9_007_199_254_740_991
}
