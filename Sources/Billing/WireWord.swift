import PGClient

/// A word of the platform's, checked when it comes from outside, and stored as text.
protocol WireWord: Hashable, Comparable, CustomStringConvertible, PGEncodable, PGDecodable {
    var text: String { get }
    /// Takes what was checked when it came.
    init(stored text: String)
}

extension WireWord {
    public var description: String { text }

    /// By bytes, for all of them are ASCII, where Swift's order of strings is that and the database's "C" collation is, too: what breaks ties of the
    /// fold must not hang on a locale, and both sides must agree on the order in which windows are locked.
    public static func < (left: Self, right: Self) -> Bool { left.text < right.text }

    public static var pgType: PGType { String.pgType }
    public func encode(into bytes: inout PGBytes) { text.encode(into: &bytes) }
    public init(pg cell: PGCell) throws(PGError) { self.init(stored: try String(pg: cell)) }
}
