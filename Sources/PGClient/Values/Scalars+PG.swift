import Foundation

extension Bool: PGEncodable, PGDecodable {
    public static var pgType: PGType { .bool }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(CollectionOfOne<UInt8>(self ? 1 : 0)) }
    public init(pg cell: PGCell) throws(PGError) {
        let bytes = try cell.bytes(of: .bool)
        self = try cell.integer(UInt8.self, from: bytes) != 0
    }
}

extension PGCell {
    /// An integer column of any width, widened.
    fileprivate func wide() throws(PGError) -> Int64 {
        switch oid {
        case PGType.int8.oid: try integer(Int64.self, from: try bytesOfValue())
        case PGType.int4.oid: Int64(try integer(Int32.self, from: try bytesOfValue()))
        case PGType.int2.oid: Int64(try integer(Int16.self, from: try bytesOfValue()))
        default: throw mismatch([.int8, .int4, .int2])
        }
    }

    fileprivate func narrow<I: FixedWidthInteger>(_: I.Type) throws(PGError) -> I {
        guard let value = I(exactly: try wide()) else { throw .decoding("an integer is out of the range of \(I.self)") }
        return value
    }
}

extension Int16: PGEncodable, PGDecodable {
    public static var pgType: PGType { .int2 }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(self) }
    public init(pg cell: PGCell) throws(PGError) { self = try cell.narrow(Int16.self) }
}

extension Int32: PGEncodable, PGDecodable {
    public static var pgType: PGType { .int4 }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(self) }
    public init(pg cell: PGCell) throws(PGError) { self = try cell.narrow(Int32.self) }
}

extension Int64: PGEncodable, PGDecodable {
    public static var pgType: PGType { .int8 }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(self) }
    public init(pg cell: PGCell) throws(PGError) { self = try cell.wide() }
}

extension Int: PGEncodable, PGDecodable {
    public static var pgType: PGType { .int8 }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(Int64(self)) }
    public init(pg cell: PGCell) throws(PGError) { self = try cell.narrow(Int.self) }
}

extension Double: PGEncodable, PGDecodable {
    public static var pgType: PGType { .float8 }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(bitPattern) }
    public init(pg cell: PGCell) throws(PGError) {
        if cell.oid == PGType.float8.oid {
            self.init(bitPattern: try cell.integer(UInt64.self, from: try cell.bytesOfValue()))
        } else {
            self.init(Float(bitPattern: try cell.integer(UInt32.self, from: try cell.bytes(of: .float8, .float4))))
        }
    }
}

extension String: PGEncodable, PGDecodable {
    public static var pgType: PGType { .text }
    @inlinable public func encode(into bytes: inout PGBytes) {
        bytes.appendText(self)
    }
    public init(pg cell: PGCell) throws(PGError) {
        let bytes =
            cell.oid == PGType.text.oid ? try cell.bytesOfValue() : try cell.bytes(of: .text, .varchar, .name, .bpchar, .unknown, .json)
        self.init(decoding: bytes, as: UTF8.self)
    }
}

/// Bytes as they are; a type of its own because an array of numbers is something else.
public struct Bytea: Hashable, Sendable, PGEncodable, PGDecodable {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public static var pgType: PGType { .bytea }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(self.bytes) }
    public init(pg cell: PGCell) throws(PGError) { bytes = Array(try cell.bytes(of: .bytea)) }
}

extension UUID: PGEncodable, PGDecodable {
    public static var pgType: PGType { .uuid }
    public func encode(into bytes: inout PGBytes) { withUnsafeBytes(of: uuid) { bytes.append($0) } }
    public init(pg cell: PGCell) throws(PGError) {
        let bytes = try cell.bytes(of: .uuid)
        guard bytes.count == 16 else { throw .decoding("\(bytes.count) bytes are no UUID") }
        self.init(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

/// Seconds of PostgreSQL's epoch, 2000-01-01, after Foundation's, 2001-01-01: one leap year before it.
private let postgresEpoch = Date(timeIntervalSinceReferenceDate: -366 * 86_400)

extension Date: PGEncodable, PGDecodable {
    public static var pgType: PGType { .timestamptz }
    public func encode(into bytes: inout PGBytes) {
        let microseconds = (timeIntervalSince(postgresEpoch) * 1_000_000).rounded()
        guard let integer = Int64(exactly: microseconds) else { return bytes.fail("a date is out of range") }
        bytes.append(integer)
    }
    public init(pg cell: PGCell) throws(PGError) {
        let microseconds = try cell.integer(Int64.self, from: try cell.bytes(of: .timestamptz))
        guard microseconds != .max, microseconds != .min else { throw .decoding("a column holds an infinite date") }
        self = postgresEpoch.addingTimeInterval(Double(microseconds) / 1_000_000)
    }
}

/// A 64-bit transaction number (xid8), which never wraps.
public struct TransactionNumber: Hashable, Sendable, PGEncodable, PGDecodable {
    public let number: UInt64

    public init(_ number: UInt64) {
        self.number = number
    }

    public static var pgType: PGType { .xid8 }
    @inlinable public func encode(into bytes: inout PGBytes) { bytes.append(number) }
    public init(pg cell: PGCell) throws(PGError) { number = try cell.integer(UInt64.self, from: try cell.bytes(of: .xid8)) }
}

/// Where a version of a row lies in its table (tid, of the system column ctid): found without an index, until the row is written again.
public struct RowPlace: Hashable, Sendable, PGEncodable, PGDecodable {
    public let block: UInt32
    /// The row's number on the page, from 1.
    public let number: UInt16

    public init(block: UInt32, number: UInt16) {
        (self.block, self.number) = (block, number)
    }

    public static var pgType: PGType { .tid }
    @inlinable public func encode(into bytes: inout PGBytes) {
        bytes.append(block)
        bytes.append(number)
    }
    public init(pg cell: PGCell) throws(PGError) {
        let bytes = try cell.bytes(of: .tid)
        guard bytes.count == 6 else { throw .decoding("\(bytes.count) bytes are no place of a row") }
        block = UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
        number = UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
    }
}

/// A value stored as jsonb: the only place where Codable comes in.
public struct JSON<Value: Codable & Sendable>: PGEncodable, PGDecodable {
    public var value: Value

    public init(_ value: Value) {
        self.value = value
    }

    public static var pgType: PGType { .jsonb }
    public func encode(into bytes: inout PGBytes) {
        do {
            let json = try JSONEncoder().encode(value)
            // The version of jsonb's binary form.
            bytes.append(CollectionOfOne<UInt8>(1))
            bytes.append(json)
        } catch {
            // The error itself would show the value.
            bytes.fail("a \(Value.self) has no JSON form")
        }
    }
    public init(pg cell: PGCell) throws(PGError) {
        var bytes = try cell.bytes(of: .jsonb, .json)[...]
        if cell.oid == PGType.jsonb.oid { bytes = bytes.dropFirst() }
        do {
            value = try JSONDecoder().decode(Value.self, from: Data(bytes))
        } catch {
            throw .decoding("a JSON column is no \(Value.self)")
        }
    }
}
