import Foundation

@testable import PGClient

/// Values on their way to the database and back: what is encoded decodes to the same, alone and in arrays, with null and without.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzValues(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    switch input.byte() % 11 {
    case 0: arrives(&input) { $0.byte().isMultiple(of: 2) }
    case 1: arrives(&input) { Int16(truncatingIfNeeded: $0.integer()) }
    case 2: arrives(&input) { Int32(truncatingIfNeeded: $0.integer()) }
    case 3: arrives(&input) { $0.integer() }
    case 4: arrives(&input) { Same(Double(bitPattern: UInt64(bitPattern: $0.integer()))) }
    case 5: arrives(&input) { Same(String(decoding: $0.bytes().filter { $0 != 0 }, as: UTF8.self)) }
    case 6: arrives(&input) { Bytea($0.bytes()) }
    case 7:
        arrives(&input) { input in
            UUID(uuid: (0..<16).reduce(into: UUID().uuid) { uuid, index in withUnsafeMutableBytes(of: &uuid) { $0[index] = input.byte() } })
        }
    case 8: arrives(&input) { TransactionNumber(UInt64(bitPattern: $0.integer())) }
    case 9: arrives(&input) { Same(Date(timeIntervalSinceReferenceDate: Double($0.integer() % longestDate) / 1_000_000)) }
    default: neverTraps(&input)
    }
    return 0
}

/// A Date counts seconds as a Double: to 30 years either side of 2001 that holds every microsecond.
private let longestDate: Int64 = 30 * 366 * 86_400 * 1_000_000

private func arrives<Value: PGEncodable & PGDecodable & Equatable>(_ input: inout FuzzInput, _ make: (inout FuzzInput) -> Value) {
    let value = make(&input)
    require(decoded(Value.self, value) == value, "a \(Value.self) arrives: \(value)")
    require(decoded(Value?.self, Value?.some(value)) == .some(value), "a \(Value.self) that may be null arrives")
    require(decoded(Value?.self, Value?.none) == .some(.none), "null arrives")
    var several: [Value] = []
    var nullable: [Value?] = []
    for _ in 0..<(input.byte() % 5) {
        several.append(make(&input))
        nullable.append(input.byte().isMultiple(of: 2) ? several.last : nil)
    }
    require(decoded([Value].self, several) == several, "an array of \(Value.self) arrives")
    require(decoded([Value?].self, nullable) == nullable, "an array of \(Value.self) with null arrives")
    if nullable.contains(nil) { require(decoded([Value].self, nullable) == nil, "null is no \(Value.self)") }
}

/// What `encoded` is on the wire, read as another type. Nil when it cannot be.
private func decoded<Read: PGDecodable>(_: Read.Type, _ encoded: some PGEncodable) -> Read? {
    let oid = type(of: encoded).pgType.oid
    guard !encoded.isNull else { return try? Read(pg: PGCell(bytes: nil, oid: oid)) }
    var bytes = PGBytes()
    encoded.encode(into: &bytes)
    require(bytes.problem == nil, "it has a form on the wire: \(bytes.problem ?? "")")
    return bytes.bytes.withUnsafeBytes { try? Read(pg: PGCell(bytes: $0, oid: oid)) }
}

/// Values that may have no form on the wire say so.
private func neverTraps(_ input: inout FuzzInput) {
    var bytes = PGBytes()
    Date(timeIntervalSinceReferenceDate: Double(bitPattern: UInt64(bitPattern: input.integer()))).encode(into: &bytes)
    require(bytes.problem != nil || bytes.bytes.count == 8, "a date has a form or a problem")
    var text = PGBytes()
    let string = String(decoding: input.bytes(), as: UTF8.self)
    string.encode(into: &text)
    require((text.problem != nil) == string.utf8.contains(0), "a text with NUL, and only that, has no form")
    do throws(PGError) {
        let statement: SQL = "select \(string), \(input.integer()), \(Bytea(input.bytes()))"
        try statement.check()
        let bytes = statement.body.values.count
        let areInside = statement.pieces.allSatisfy { $0.isLiteral || ($0.range?.upperBound ?? 0) <= bytes }
        require(areInside, "every value is among the bytes of all")
    } catch {
        require(string.utf8.contains(0), "a statement is refused for a text with NUL alone")
    }
}

/// Equal by bits: not-a-number is itself, and a letter is no other spelling of it.
private struct Same<Value: PGEncodable & PGDecodable>: PGEncodable, PGDecodable, Equatable, CustomStringConvertible {
    let value: Value

    init(_ value: Value) { self.value = value }
    static var pgType: PGType { Value.pgType }
    func encode(into bytes: inout PGBytes) { value.encode(into: &bytes) }
    init(pg cell: PGCell) throws(PGError) { value = try Value(pg: cell) }
    var description: String { "\(value)" }

    static func == (left: Self, right: Self) -> Bool {
        var (one, other) = (PGBytes(), PGBytes())
        left.encode(into: &one)
        right.encode(into: &other)
        return one.bytes == other.bytes
    }
}
