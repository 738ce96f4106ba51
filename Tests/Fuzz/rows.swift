import CLibPQ
import Foundation

@testable import PGClient

/// Columns of answers: any bytes under any type give a value or a `PGError`, never a trap, nor a read beyond their end.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzRows(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    if input.byte().isMultiple(of: 4) { readRow(&input) } else { readCell(&input) }
    return 0
}

private let types: [PGType] = [
    .bool, .bytea, .int8, .int2, .int4, .text, .json, .float4, .float8, .bpchar, .varchar, .name, .timestamptz, .uuid, .jsonb, .xid8,
    .tid, .unknown, .void,
]

/// One cell in memory of its own, so that AddressSanitizer sees where it ends.
private func readCell(_ input: inout FuzzInput) {
    let type = input.choice(of: types)
    let oid = input.byte().isMultiple(of: 2) ? type.oid : type.arrayOID
    var bytes = input.remainder()
    // An array says the type of its elements, which chance alone would hardly hit.
    if oid == type.arrayOID, bytes.count >= 12 { withUnsafeBytes(of: type.oid.bigEndian) { bytes.replaceSubrange(8..<12, with: $0) } }
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    decodeAll(PGCell(bytes: UnsafeRawBufferPointer(memory), oid: oid))
    decodeAll(PGCell(bytes: nil, oid: oid))
}

private func decodeAll(_ cell: PGCell) {
    decode(Bool.self, cell)
    decode(Int16.self, cell)
    decode(Int32.self, cell)
    decode(Int64.self, cell)
    decode(Double.self, cell)
    decode(String.self, cell)
    decode(Bytea.self, cell)
    decode(UUID.self, cell)
    decode(Date.self, cell)
    decode(TransactionNumber.self, cell)
    decode(RowPlace.self, cell)
    decode(JSON<[String: Int]>.self, cell)
}

/// As itself, as one that may be null, and as arrays of either.
private func decode<Value: PGDecodable & PGEncodable>(_: Value.Type, _ cell: PGCell) {
    let value = read { () throws(PGError) in try Value(pg: cell) }
    let optional = read { () throws(PGError) in try Value?(pg: cell) }
    require(cell.bytes != nil || value == nil, "null is no value")
    require(cell.bytes == nil ? optional != nil : (value == nil) == (optional == nil), "null alone makes a difference where null may be")
    let array = try? [Value](pg: cell)
    let nullable = try? [Value?](pg: cell)
    if let array {
        require(types.allSatisfy { $0.oid != cell.oid }, "what is no array is not read as one")
        require(nullable?.count == array.count, "an array without null is one of those that may have null")
        require(array.count <= (cell.bytes?.count ?? 0) / 4, "an array has no more elements than its bytes have room for")
    }
}

/// Nil for an error; an Optional that holds nothing is a value, which `try?` would not tell apart.
private func read<Value>(_ body: () throws(PGError) -> Value) -> Value? {
    do throws(PGError) {
        return .some(try body())
    } catch {
        return .none
    }
}

/// A row as libpq hands it over.
private func readRow(_ input: inout FuzzInput) {
    guard let made = PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK) else { fatalError("out of memory") }
    let result = PGResult(made)
    let columns = Int(input.byte() % 4)
    "column".withCString { name in
        var attributes = (0..<columns).map { _ in
            PGresAttDesc(
                name: UnsafeMutablePointer(mutating: name), tableid: 0, columnid: 0, format: 1, typid: input.choice(of: types).oid,
                typlen: -1,
                atttypmod: -1)
        }
        guard columns == 0 || PQsetResultAttrs(made, CInt(columns), &attributes) == 1 else { fatalError("no columns set") }
    }
    for column in 0..<columns {
        var bytes = input.bytes().map { CChar(bitPattern: $0) }
        let isNull = input.byte() == 0
        guard PQsetvalue(made, 0, CInt(column), &bytes, isNull ? -1 : CInt(bytes.count)) == 1 else { fatalError("no value set") }
    }
    guard columns > 0 else { return }
    let row = PGRow(result: result, index: 0)
    if (try? row.decode(Int64.self)) != nil { require(columns == 1, "a row has as many columns as are read") }
    if (try? row.decode((Int64?, String?).self)) != nil { require(columns == 2, "a row has as many columns as are read") }
    if (try? row.decode((Bytea?, Int16?, [Int64]?).self)) != nil { require(columns == 3, "a row has as many columns as are read") }
}
