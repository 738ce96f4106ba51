/// A piece of SQL: a literal of the program, or the place of a value.
struct SQLPiece: BitwiseCopyable, Sendable {
    /// Of a literal its address; of a value where its bytes begin among those of all values.
    let place: UInt
    /// Bytes that it has; `null` for a value that is null.
    let count: Int32
    /// Object id of the value's type; of a literal one that no type has.
    let type: UInt32

    static let null: Int32 = -1
    private static let literalType = UInt32.max

    static func literal(_ literal: StaticString) -> SQLPiece {
        precondition(literal.hasPointerRepresentation, "text of SQL is a string literal")
        return SQLPiece(place: UInt(bitPattern: literal.utf8Start), count: Int32(literal.utf8CodeUnitCount), type: literalType)
    }

    static func value(of type: UInt32, at place: Int, count: Int32) -> SQLPiece {
        SQLPiece(place: UInt(place), count: count, type: type)
    }

    var isLiteral: Bool { type == Self.literalType }
    var isNull: Bool { count == Self.null }

    /// The bytes of a literal, which last as long as the program; nil for a value.
    var literal: UnsafeBufferPointer<UInt8>? {
        guard isLiteral else { return nil }
        return UnsafeBufferPointer(start: UnsafePointer(bitPattern: place), count: Int(count))
    }

    /// Where a value's bytes are among those of all values; nil for null.
    var range: Range<Int>? {
        isNull ? nil : Int(place)..<Int(place) + Int(count)
    }

    /// Where a value's bytes are; nil for null. An empty text, which is not null, has an address too.
    func address(in bytes: UnsafeRawBufferPointer) -> UnsafePointer<CChar>? {
        if isNull { return nil }
        let start = count == 0 ? nil : bytes.baseAddress.map { $0 + Int(place) }
        return (start ?? UnsafeRawPointer(Self.empty.utf8Start)).assumingMemoryBound(to: CChar.self)
    }

    private static let empty: StaticString = ""

    /// The same where other values stand in front of all of its own.
    func moved(by distance: Int) -> SQLPiece {
        isLiteral || isNull ? self : .value(of: type, at: Int(place) + distance, count: count)
    }

    /// Bytes that it takes in the text: `$65535` is the longest name of a value.
    var room: Int { isLiteral ? Int(count) : 6 }

    /// Whether both are the same literal, or values of one type.
    func isAlike(_ other: SQLPiece) -> Bool {
        type == other.type && (!isLiteral || (place == other.place && count == other.count))
    }

    /// A hash that pieces that are alike mix alike.
    func mixed(into hash: UInt) -> UInt {
        let own = isLiteral ? place &+ UInt(bitPattern: Int(count)) : UInt(type)
        let mixed = (hash ^ own) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ (mixed >> 32)
    }
}

/// The pieces of SQL and its values, in one object: a pipeline hands its statements on more than once.
final class SQLBody: ManagedBuffer<SQLBody.Header, SQLPiece> {
    struct Header {
        /// What of the client's own stands in front.
        var command = ""
        /// How many pieces there are, and how many there is room for.
        var count = 0
        let capacity: Int
        var valueCount = 0
        var hash: UInt = 0
        /// The binary forms of all values, one behind another.
        var values = PGBytes()
    }

    static func make(_ capacity: Int) -> SQLBody {
        unsafeDowncast(create(minimumCapacity: capacity) { _ in Header(capacity: capacity) }, to: SQLBody.self)
    }

    /// While it is made, and nobody else has it. Through the pointer, as a field of a class would have each access checked.
    private func with<R>(_ body: (inout Header) -> R) -> R {
        withUnsafeMutablePointerToHeader { body(&$0.pointee) }
    }

    /// Several connections read one at once: COMMIT is the same for all.
    private func read<R>(_ body: (UnsafePointer<Header>) -> R) -> R {
        withUnsafeMutablePointerToHeader { body(UnsafePointer($0)) }
    }

    var command: String { read { $0.pointee.command } }
    var count: Int { read { $0.pointee.count } }
    var valueCount: Int { read { $0.pointee.valueCount } }
    var hash: UInt { read { $0.pointee.hash } }
    var problem: String? { read { $0.pointee.values.problem } }
    var values: [UInt8] { read { $0.pointee.values.storage } }
    /// Pieces that can still be appended.
    var room: Int { read { $0.pointee.capacity - $0.pointee.count } }

    subscript(index: Int) -> SQLPiece { withUnsafeMutablePointerToElements { $0[index] } }

    func hasShape(of other: SQLBody) -> Bool {
        if self === other { return true }
        guard hash == other.hash, count == other.count, command == other.command else { return false }
        return withUnsafeMutablePointerToElements { ours in
            other.withUnsafeMutablePointerToElements { theirs in
                for index in 0..<count where !ours[index].isAlike(theirs[index]) { return false }
                return true
            }
        }
    }

    /// The values as libpq takes them, as long as the body runs.
    ///
    /// The pointers lie on the stack where they are few: arrays for each statement of a pipeline would cost more than libpq's own work.
    func withParameters(_ body: (Parameters) -> Int32) -> Int32 {
        withUnsafeMutablePointers { header, pieces in
            let count = header.pointee.valueCount
            guard count > 0 else { return body(Parameters(count: 0, values: nil, lengths: nil, formats: nil)) }
            return header.pointee.values.storage.withUnsafeBytes { bytes in
                withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
                    withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count) { numbers in
                        var number = 0
                        for index in 0..<header.pointee.count where !pieces[index].isLiteral {
                            let piece = pieces[index]
                            pointers.initializeElement(at: number, to: piece.address(in: bytes))
                            numbers.initializeElement(at: number, to: piece.isNull ? 0 : piece.count)
                            numbers.initializeElement(at: count + number, to: 1)
                            number += 1
                        }
                        return body(
                            Parameters(
                                count: Int32(count), values: UnsafePointer(pointers.baseAddress),
                                lengths: UnsafePointer(numbers.baseAddress), formats: numbers.baseAddress.map { UnsafePointer($0 + count) })
                        )
                    }
                }
            }
        }
    }

    struct Parameters {
        let count: Int32
        let values: UnsafePointer<UnsafePointer<CChar>?>?
        let lengths: UnsafePointer<Int32>?
        /// 1, binary, for each.
        let formats: UnsafePointer<Int32>?
    }

    // MARK: - For who has the one reference

    func reserve(_ bytes: Int) {
        with { $0.values.storage.reserveCapacity(bytes) }
    }

    func append(_ piece: SQLPiece) {
        withUnsafeMutablePointers { header, pieces in
            precondition(header.pointee.count < header.pointee.capacity, "room is made before a piece comes")
            pieces[header.pointee.count] = piece
            header.pointee.count += 1
            if !piece.isLiteral { header.pointee.valueCount += 1 }
            header.pointee.hash = piece.mixed(into: header.pointee.hash)
        }
    }

    func appendValue(of type: UInt32, _ encode: (inout PGBytes) -> Void) {
        let (start, end) = with { header in
            let start = header.values.storage.count
            encode(&header.values)
            return (start, header.values.storage.count)
        }
        if end - start > Int32.max { with { $0.values.fail("a value is larger than the protocol takes") } }
        append(.value(of: type, at: start, count: Int32(clamping: end - start)))
    }

    func append(contentsOf other: SQLBody) {
        let start = with { header in
            defer { header.values.storage.append(contentsOf: other.values) }
            return header.values.storage.count
        }
        if let problem = other.problem { with { $0.values.fail(problem) } }
        for piece in SQLPieces(body: other) { append(piece.moved(by: start)) }
    }

    func setCommand(_ command: String) {
        with { header in
            header.command = command
            header.hash ^= UInt(bitPattern: command.hashValue)
        }
    }

    func clearValues() {
        with { $0.values = PGBytes() }
        withUnsafeMutablePointerToElements { pieces in
            for index in 0..<count where !pieces[index].isLiteral {
                pieces[index] = .value(of: pieces[index].type, at: 0, count: SQLPiece.null)
            }
        }
    }

    func copy(withRoomFor more: Int = 0) -> SQLBody {
        let (command, count, valueCount, hash, values) = read { header in
            let header = header.pointee
            return (header.command, header.count, header.valueCount, header.hash, header.values)
        }
        // Twice as much as there was, so that appending piece by piece stays cheap.
        let copy = SQLBody.make(more == 0 ? count : max(count + more, 2 * count))
        copy.with { header in
            header.command = command
            header.count = count
            header.valueCount = valueCount
            header.hash = hash
            header.values = values
        }
        withUnsafeMutablePointerToElements { ours in
            copy.withUnsafeMutablePointerToElements { $0.initialize(from: ours, count: count) }
        }
        return copy
    }
}

/// The pieces in order.
struct SQLPieces: Sequence {
    let body: SQLBody

    func makeIterator() -> Iterator {
        Iterator(body: body, count: body.count)
    }

    struct Iterator: IteratorProtocol {
        let body: SQLBody
        let count: Int
        var index = 0

        mutating func next() -> SQLPiece? {
            guard index < count else { return nil }
            defer { index += 1 }
            return body[index]
        }
    }
}
