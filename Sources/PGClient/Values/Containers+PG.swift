extension Optional: PGEncodable where Wrapped: PGEncodable {
    public static var pgType: PGType { Wrapped.pgType }
    @inlinable public func encode(into bytes: inout PGBytes) {
        if let self { self.encode(into: &bytes) }
    }
    @inlinable public var isNull: Bool { self == nil || self?.isNull == true }
}

extension Optional: PGDecodable where Wrapped: PGDecodable {
    public init(pg cell: PGCell) throws(PGError) {
        self = cell.bytes == nil ? .none : .some(try Wrapped(pg: cell))
    }
}

/// One dimension, from 1; elements may be null where the element type is optional.
extension Array: PGEncodable where Element: PGEncodable {
    public static var pgType: PGType { PGType(oid: Element.pgType.arrayOID, arrayOID: 0) }
    @inlinable public func encode(into bytes: inout PGBytes) {
        bytes.append(Int32(isEmpty ? 0 : 1))
        bytes.append(Int32(contains(where: { $0.isNull }) ? 1 : 0))
        bytes.append(Element.pgType.oid)
        guard !isEmpty else { return }
        bytes.append(Int32(count))
        bytes.append(Int32(1))
        for element in self { bytes.appendField(element) }
    }
}

extension Array: PGDecodable where Element: PGDecodable {
    public init(pg cell: PGCell) throws(PGError) {
        // Bytes or text may happen to look like an array, most easily like an empty one.
        guard !PGType.scalars.contains(cell.oid) else { throw .decoding("a column of type \(cell.oid) is read as an array") }
        guard let bytes = cell.bytes else { throw .decoding("a column that holds null is read as one that cannot") }
        var at = 0
        func next() throws(PGError) -> Int32 {
            guard at + 4 <= bytes.count else { throw .decoding("an array ends early") }
            defer { at += 4 }
            return Int32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: Int32.self))
        }
        let dimensions = try next()
        _ = try next()
        let oid = UInt32(bitPattern: try next())
        self = []
        guard dimensions > 0 else { return }
        guard dimensions == 1 else { throw .decoding("an array of \(dimensions) dimensions is read as one of 1") }
        let count = Int(try next())
        _ = try next()
        // Each element takes four bytes at least.
        guard count >= 0, count <= (bytes.count - at) / 4 else { throw .decoding("an array ends early") }
        reserveCapacity(count)
        for _ in 0..<count {
            let length = Int(try next())
            guard length >= 0 else {
                append(try Element(pg: PGCell(bytes: nil, oid: oid)))
                continue
            }
            guard at + length <= bytes.count else { throw .decoding("an array ends early") }
            append(try Element(pg: PGCell(bytes: UnsafeRawBufferPointer(rebasing: bytes[at..<at + length]), oid: oid)))
            at += length
        }
    }
}

extension RawRepresentable where Self: PGEncodable, RawValue: PGEncodable {
    public static var pgType: PGType { RawValue.pgType }
    @inlinable public func encode(into bytes: inout PGBytes) { rawValue.encode(into: &bytes) }
}

extension RawRepresentable where Self: PGDecodable, RawValue: PGDecodable {
    public init(pg cell: PGCell) throws(PGError) {
        guard let value = Self(rawValue: try RawValue(pg: cell)) else { throw .decoding("a column holds no \(Self.self)") }
        self = value
    }
}
