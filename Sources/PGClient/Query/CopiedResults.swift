import CLibPQ
import Foundation

/// The rows of several small results, one record behind another in one piece of memory.
///
/// A record: rows, columns and the length of the command tag; the type of each column; where each value lies behind the record's beginning, and its
/// length, -1 for null; the tag; the values. Numbers have 32 bits and lie on boundaries of four bytes.
final class CopiedResults: ManagedBuffer<CopiedResults.Extent, UInt8> {
    struct Extent {
        var used = 0
        let capacity: Int
    }

    /// More than this stays in libpq's result, where it does not have to be copied.
    static let largest = (values: 64, bytes: 1_024)
    private static let head = 3

    private static func numbers(rows: Int, columns: Int) -> Int { head + columns + 2 * rows * columns }

    static func make(_ capacity: Int) -> CopiedResults {
        unsafeDowncast(create(minimumCapacity: capacity) { _ in Extent(capacity: capacity) }, to: CopiedResults.self)
    }

    // MARK: - Writing

    /// Copies a result, before anybody else sees this.
    ///
    /// - Returns: where; nil when there is no room for it.
    func append(_ result: OpaquePointer, _ size: Size) -> Int? {
        withUnsafeMutablePointers { extent, bytes in
            guard size.bytes <= extent.pointee.capacity - extent.pointee.used else { return nil }
            let place = extent.pointee.used
            extent.pointee.used += size.bytes
            Self.write(result, size, to: UnsafeMutableRawPointer(bytes + place))
            return place
        }
    }

    private static func write(_ result: OpaquePointer, _ size: Size, to record: UnsafeMutableRawPointer) {
        let (rows, columns) = (size.rows, size.columns)
        let numbers = record.assumingMemoryBound(to: Int32.self)
        numbers[0] = rows
        numbers[1] = columns
        numbers[2] = Int32(size.tag)
        var index = head
        for column in 0..<columns {
            numbers[index] = Int32(bitPattern: PQftype(result, column))
            index += 1
        }
        if let tag = PQcmdStatus(result) { (record + size.numbers).copyMemory(from: tag, byteCount: size.tag) }
        var end = size.numbers + size.tag
        for row in 0..<rows {
            for column in 0..<columns {
                let isNull = PQgetisnull(result, row, column) != 0
                let count = isNull ? 0 : Int(PQgetlength(result, row, column))
                numbers[index] = Int32(end)
                numbers[index + 1] = isNull ? -1 : Int32(count)
                index += 2
                if count > 0, let value = PQgetvalue(result, row, column) { (record + end).copyMemory(from: value, byteCount: count) }
                end += count
            }
        }
    }

    /// What a result takes here.
    struct Size {
        let rows: Int32
        let columns: Int32
        let tag: Int
        /// Of the numbers, and of all.
        let numbers: Int
        let bytes: Int

        /// - Returns: nil for a result that is no rows, or is too large.
        init?(_ result: OpaquePointer) {
            guard PQresultStatus(result) == PGRES_TUPLES_OK else { return nil }
            (rows, columns) = (PQntuples(result), PQnfields(result))
            let values = Int(rows) * Int(columns)
            guard values <= largest.values, columns <= largest.values else { return nil }
            tag = PQcmdStatus(result).map { strlen($0) } ?? 0
            var bytes = 0
            for row in 0..<rows {
                for column in 0..<columns { bytes += Int(PQgetlength(result, row, column)) }
            }
            guard bytes <= largest.bytes else { return nil }
            numbers = 4 * CopiedResults.numbers(rows: Int(rows), columns: Int(columns))
            self.bytes = (numbers + bytes + tag + 3) & ~3
        }
    }

    // MARK: - Reading

    func rowCount(_ place: Int32) -> Int { number(place, 0) }
    func columnCount(_ place: Int32) -> Int { number(place, 1) }

    func commandTag(_ place: Int32) -> String {
        let start = 4 * Self.numbers(rows: rowCount(place), columns: columnCount(place))
        return withUnsafeMutablePointerToElements {
            String(decoding: UnsafeRawBufferPointer(start: $0 + Int(place) + start, count: number(place, 2)), as: UTF8.self)
        }
    }

    /// Tags of rows end with their number where the command counts them: "SELECT 1", "INSERT 0 1".
    func affected(_ place: Int32) -> Int {
        commandTag(place).split(separator: " ").last.flatMap { Int($0) } ?? 0
    }

    func cell(_ place: Int32, _ row: Int, _ column: Int) -> PGCell {
        withUnsafeMutablePointerToElements { bytes in
            let record = UnsafeRawPointer(bytes + Int(place))
            let numbers = record.assumingMemoryBound(to: Int32.self)
            let columns = Int(numbers[1])
            precondition(row < Int(numbers[0]) && column < columns, "a value of a row that is there")
            let oid = UInt32(bitPattern: numbers[Self.head + column])
            let index = Self.head + columns + 2 * (row * columns + column)
            let count = Int(numbers[index + 1])
            if count < 0 { return PGCell(bytes: nil, oid: oid) }
            return PGCell(bytes: UnsafeRawBufferPointer(start: record + Int(numbers[index]), count: count), oid: oid)
        }
    }

    private func number(_ place: Int32, _ index: Int) -> Int {
        withUnsafeMutablePointerToElements { Int(UnsafeRawPointer($0 + Int(place)).assumingMemoryBound(to: Int32.self)[index]) }
    }
}
