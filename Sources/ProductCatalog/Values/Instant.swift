import PGClient

/// A point in time, in milliseconds since 1970-01-01T00:00:00Z.
public struct Instant: Hashable, Sendable, Comparable {
    public let milliseconds: Int64

    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// 1970, which stands for "never" where a window's end is asked for.
    public static let never = Instant(milliseconds: 0)

    /// The last instant that the wire can carry: 2^53 - 1 ms, in the year 287396.
    public static let last = Instant(milliseconds: WireInteger.max)

    public static func < (left: Instant, right: Instant) -> Bool { left.milliseconds < right.milliseconds }

    /// The instant that lies `span` later; the last one there is when that is past all counting, so that nothing from outside can trap.
    public static func + (instant: Instant, span: TimeSpan) -> Instant {
        let (sum, overflow) = instant.milliseconds.addingReportingOverflow(span.milliseconds)
        guard overflow else { return Instant(milliseconds: sum) }
        return Instant(milliseconds: span.milliseconds < 0 ? Int64.min : Int64.max)
    }
}

extension Instant: PGEncodable, PGDecodable {
    public static var pgType: PGType { Int64.pgType }
    public func encode(into bytes: inout PGBytes) { milliseconds.encode(into: &bytes) }
    public init(pg cell: PGCell) throws(PGError) { milliseconds = try Int64(pg: cell) }
}
