/// A type of the database by its fixed object id (pg_type.dat), and that of an array of it.
public struct PGType: Hashable, Sendable {
    public let oid: UInt32
    public let arrayOID: UInt32

    public static let bool = PGType(oid: 16, arrayOID: 1000)
    public static let bytea = PGType(oid: 17, arrayOID: 1001)
    public static let int8 = PGType(oid: 20, arrayOID: 1016)
    public static let int2 = PGType(oid: 21, arrayOID: 1005)
    public static let int4 = PGType(oid: 23, arrayOID: 1007)
    public static let text = PGType(oid: 25, arrayOID: 1009)
    public static let json = PGType(oid: 114, arrayOID: 199)
    public static let float4 = PGType(oid: 700, arrayOID: 1021)
    public static let float8 = PGType(oid: 701, arrayOID: 1022)
    public static let bpchar = PGType(oid: 1042, arrayOID: 1014)
    public static let varchar = PGType(oid: 1043, arrayOID: 1015)
    public static let name = PGType(oid: 19, arrayOID: 1003)
    public static let timestamptz = PGType(oid: 1184, arrayOID: 1185)
    public static let uuid = PGType(oid: 2950, arrayOID: 2951)
    public static let jsonb = PGType(oid: 3802, arrayOID: 3807)
    public static let xid8 = PGType(oid: 5069, arrayOID: 271)
    public static let tid = PGType(oid: 27, arrayOID: 1010)
    public static let unknown = PGType(oid: 705, arrayOID: 0)
    public static let void = PGType(oid: 2278, arrayOID: 0)

    /// Those of which values are no arrays.
    static let scalars: Set<UInt32> = Set(
        [
            bool, bytea, int8, int2, int4, text, json, float4, float8, bpchar, varchar, name, timestamptz, uuid, jsonb, xid8, tid,
            unknown, void,
        ].map(\.oid))
}

/// Grows the binary form of values, big end first, as the wire has them.
public struct PGBytes: Sendable {
    public internal(set) var bytes: [UInt8] {
        get { storage }
        set { storage = newValue }
    }
    @usableFromInline var storage: [UInt8] = []
    /// Set when a value cannot be sent: text with NUL in it.
    var problem: String?

    public init() {}

    @inlinable public mutating func append(_ integer: some FixedWidthInteger) {
        withUnsafeBytes(of: integer.bigEndian) { storage.append(contentsOf: $0) }
    }

    @inlinable public mutating func append(_ raw: some Sequence<UInt8>) {
        storage.append(contentsOf: raw)
    }

    /// Text, which PostgreSQL has no place for NUL in.
    @usableFromInline mutating func appendText(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            if bytes.contains(0) { fail("a text holds NUL") }
            storage.append(contentsOf: bytes)
        }
    }

    /// Says that the value at hand has no form on the wire; the query fails with a decoding error before anything is sent.
    public mutating func fail(_ problem: String) {
        self.problem = problem
    }

    /// Appends a value with its length before it, -1 and nothing for null, as arrays and COPY have it.
    @inlinable mutating func appendField(_ value: some PGEncodable) {
        guard !value.isNull else { return append(Int32(-1)) }
        let at = storage.count
        append(Int32(0))
        value.encode(into: &self)
        withUnsafeBytes(of: Int32(storage.count - at - 4).bigEndian) { length in
            for index in 0..<4 { storage[at + index] = length[index] }
        }
    }
}

/// A value that can be bound to a query.
public protocol PGEncodable: Sendable {
    static var pgType: PGType { get }
    /// Writes the binary form.
    func encode(into bytes: inout PGBytes)
    /// Whether the value is SQL's null; then `encode` is not called.
    var isNull: Bool { get }
}

extension PGEncodable {
    @inlinable public var isNull: Bool { false }
}

/// A value that can be read from a column.
public protocol PGDecodable: Sendable {
    /// - Throws: `PGError` of kind decoding when the column has another type, holds null, or a value out of range.
    init(pg cell: PGCell) throws(PGError)
}

/// One column of one row, valid while the row is being read.
public struct PGCell {
    /// Nil for null.
    public let bytes: UnsafeRawBufferPointer?
    /// Object id of the column's type.
    public let oid: UInt32

    /// The bytes of a column of one of these types.
    public func bytes(of types: PGType...) throws(PGError) -> UnsafeRawBufferPointer {
        guard types.contains(where: { $0.oid == oid }) else { throw mismatch(types) }
        return try bytesOfValue()
    }

    /// The bytes of a column of the type, without a list of types being made for each value.
    public func bytes(of type: PGType) throws(PGError) -> UnsafeRawBufferPointer {
        guard type.oid == oid else { throw mismatch([type]) }
        return try bytesOfValue()
    }

    func mismatch(_ types: [PGType]) -> PGError {
        .decoding("a column of type \(oid) is read as one of \(types.map(\.oid))")
    }

    /// The bytes of a column whose type was looked at.
    func bytesOfValue() throws(PGError) -> UnsafeRawBufferPointer {
        guard let bytes else { throw .decoding("a column that holds null is read as one that cannot") }
        return bytes
    }

    func integer<I: FixedWidthInteger>(_: I.Type, from bytes: UnsafeRawBufferPointer) throws(PGError) -> I {
        guard bytes.count == MemoryLayout<I>.size else { throw .decoding("\(bytes.count) bytes are no \(I.self)") }
        return I(bigEndian: bytes.loadUnaligned(as: I.self))
    }
}
