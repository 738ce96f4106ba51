import NIOCore

/// Whether the bytes that went to the router end where a request ends: only then may the next one be taken from its way.
///
/// What the router's decoder still has in hand cannot be asked. But where one request has come out of it, as many bytes as that had must have gone in.
struct RouterFraming {
    private(set) var isBetween = true
    private var passed = 0
    /// Bytes of the head that began behind the last request; nil where its end cannot be told for certain.
    private var head: Int?

    mutating func begin(_ buffer: ByteBuffer) {
        if isBetween { (passed, head) = (0, Self.head(of: buffer)) }
        isBetween = false
        passed += buffer.readableBytes
    }

    mutating func end(_ tally: RouterQueue.Tally) {
        guard let head, tally.heads == 1, tally.ends == 1, tally.isPlain else { return }
        isBetween = passed == head + tally.bodyBytes
    }

    /// The length of a head whose lines all end as they should.
    private static func head(of buffer: ByteBuffer) -> Int? {
        buffer.withUnsafeReadableBytes { bytes in
            let (cr, lf) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"))
            guard let first = bytes.firstIndex(of: lf), bytes[..<first].suffix(10).elementsEqual(" HTTP/1.1\r".utf8) else { return nil }
            var line = first + 1
            while let end = bytes[line...].firstIndex(of: lf) {
                guard end > line, bytes[end - 1] == cr else { return nil }
                if end == line + 1 { return end + 1 }
                line = end + 1
            }
            return nil
        }
    }
}
