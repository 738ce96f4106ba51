import PGClient

/// An amount of money in fen (1/100 yuan). Negative for money that went back.
public struct Money: Hashable, Sendable, Comparable {
    public let fen: Int64

    public init(fen: Int64) {
        self.fen = fen
    }

    public static let zero = Money(fen: 0)

    public static func < (left: Money, right: Money) -> Bool { left.fen < right.fen }
}

extension Money: PGEncodable, PGDecodable {
    public static var pgType: PGType { Int64.pgType }
    public func encode(into bytes: inout PGBytes) { fen.encode(into: &bytes) }
    public init(pg cell: PGCell) throws(PGError) { fen = try Int64(pg: cell) }
}
