import Foundation

/// Cuts a stream of bytes into lines, however the bytes are chunked. Memory is that of one line, and a line has a limit.
public struct LineSplitter: Sendable {
    public struct Line: Sendable, Equatable {
        /// From 1, blank lines counted.
        public let number: Int
        /// Without the line's end; of an oversized line its beginning.
        public let bytes: [UInt8]
        /// The line was longer than the limit.
        public let oversized: Bool

        /// Nothing but white space.
        var isBlank: Bool { bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D } }
    }

    /// 64 KiB: an order_pay message has some 200 bytes.
    public static let limit = 65_536

    private var rest: [UInt8] = []
    private var restOversized = false
    private var number = 0

    public init() {}

    /// The lines that end in this chunk.
    public mutating func lines(in chunk: some Sequence<UInt8>) -> [Line] {
        // A line's end is looked for many bytes at a time, which takes bytes that lie side by side.
        chunk.withContiguousStorageIfAvailable { lines(in: UnsafeRawBufferPointer($0)) }
            ?? Array(chunk).withUnsafeBytes { lines(in: $0) }
    }

    private mutating func lines(in chunk: UnsafeRawBufferPointer) -> [Line] {
        var lines: [Line] = []
        var left = chunk[...]
        while let base = UnsafeRawBufferPointer(rebasing: left).baseAddress, let end = memchr(base, 0x0A, left.count) {
            let count = base.distance(to: UnsafeRawPointer(end))
            if rest.isEmpty {
                number += 1
                lines.append(Line(UnsafeRawBufferPointer(rebasing: left.prefix(count)), number: number, isCut: false))
            } else {
                keep(left.prefix(count))
                lines.append(take())
            }
            left = left.dropFirst(count + 1)
        }
        keep(left)
        return lines
    }

    private mutating func keep(_ bytes: Slice<UnsafeRawBufferPointer>) {
        // One more, for the return of a line's end that is not counted.
        let room = Self.limit + 1 - rest.count
        rest.append(contentsOf: bytes.prefix(room))
        if bytes.count > room { restOversized = true }
    }

    /// The last line where the stream ends without a line's end.
    public mutating func end() -> Line? {
        rest.isEmpty ? nil : take()
    }

    private mutating func take() -> Line {
        defer {
            rest.removeAll(keepingCapacity: true)
            restOversized = false
        }
        number += 1
        return rest.withUnsafeBytes { Line($0, number: number, isCut: restOversized) }
    }
}

extension LineSplitter.Line {
    /// In an allocation of its own, just as large as it is: thousands of lines are under way at once.
    ///
    /// - Parameters:
    ///   - raw: with the return of the line's end where it has one.
    ///   - isCut: there was more of it.
    fileprivate init(_ raw: UnsafeRawBufferPointer, number: Int, isCut: Bool) {
        let content = raw.last == 0x0D && !isCut ? raw.dropLast() : raw[...]
        self.init(number: number, bytes: Array(content.prefix(LineSplitter.limit)), oversized: isCut || content.count > LineSplitter.limit)
    }
}
