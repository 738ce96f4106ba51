import PGClient

/// SHA-256 of a product's canonical form: two products with one hash promise the same, and an order that pins it can prove what was bought.
public struct ContentHash: Hashable, Sendable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// "sha256:" and 64 hexadecimal digits.
    public var description: String {
        "sha256:" + bytes.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
    }
}

extension ContentHash: PGEncodable, PGDecodable {
    public static var pgType: PGType { Bytea.pgType }
    public func encode(into bytes: inout PGBytes) { Bytea(self.bytes).encode(into: &bytes) }
    public init(pg cell: PGCell) throws(PGError) { bytes = try Bytea(pg: cell).bytes }
}
