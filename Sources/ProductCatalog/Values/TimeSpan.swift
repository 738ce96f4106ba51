import PGClient

/// A length of time in milliseconds: what a payment adds (`addTime`), negative for what a refund takes back.
public struct TimeSpan: Hashable, Sendable, Comparable {
    public let milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    public static let zero = TimeSpan(milliseconds: 0)

    /// 100 years of 365 days: the most that one payment may add.
    public static let longest = TimeSpan(milliseconds: 3_153_600_000_000)

    public static func < (left: TimeSpan, right: TimeSpan) -> Bool { left.milliseconds < right.milliseconds }
}

extension TimeSpan: PGEncodable, PGDecodable {
    public static var pgType: PGType { Int64.pgType }
    public func encode(into bytes: inout PGBytes) { milliseconds.encode(into: &bytes) }
    public init(pg cell: PGCell) throws(PGError) { milliseconds = try Int64(pg: cell) }
}
