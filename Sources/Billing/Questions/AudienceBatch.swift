import Foundation
import ProductCatalog

/// Some members of an audience in a row, as bytes: a million of them are written out without making a million texts.
public struct AudienceBatch: Sendable {
    /// Lines of the uid, a tab, the end of the paid time in ms and a newline, or of these and one more column.
    private let lines: [UInt8]
    /// Members.
    public let count: Int

    private static let (tab, newline) = (UInt8(ascii: "\t"), UInt8(ascii: "\n"))

    init(_ members: [Audience.Member]) {
        var lines: [UInt8] = []
        for member in members { lines.append(contentsOf: "\(member.uid.text)\t\(member.payEndTime.milliseconds)\n".utf8) }
        self.lines = lines
        count = members.count
    }

    private init(lines: [UInt8], count: Int) {
        self.lines = lines
        self.count = count
    }

    /// The lines of a copy before the first whose third column says that it has to be folded, and the uid of that one. Uids and numbers have nothing
    /// that a copy would escape.
    static func cut(_ copied: [UInt8]) -> (AudienceBatch, next: String?) {
        var count = 0
        let end: (line: Int, next: String)? = copied.withUnsafeBytes { bytes in
            var start = 0
            while let newline = bytes.firstIndex(of: newline, from: start) {
                if bytes[newline - 1] == UInt8(ascii: "t") {
                    let uid = bytes[start..<newline].prefix { $0 != tab }
                    return (start, String(decoding: uid, as: UTF8.self))
                }
                count += 1
                start = newline + 1
            }
            return nil
        }
        guard let end else { return (AudienceBatch(lines: copied, count: count), nil) }
        return (AudienceBatch(lines: Array(copied[..<end.line]), count: count), end.next)
    }

    /// The uid of the last member.
    var lastUID: String? {
        guard count > 0 else { return nil }
        let start = lines.dropLast().lastIndex(of: Self.newline).map { $0 + 1 } ?? 0
        return String(decoding: lines[start...].prefix { $0 != Self.tab }, as: UTF8.self)
    }

    /// Each member: the uid in ASCII, and the end of the paid time in decimal digits. The bytes are valid as long as the call.
    public func visit(_ body: (_ uid: UnsafeRawBufferPointer, _ payEndTime: UnsafeRawBufferPointer) -> Void) {
        lines.withUnsafeBytes { bytes in
            var start = 0
            while let uidEnd = bytes.firstIndex(of: Self.tab, from: start), let newline = bytes.firstIndex(of: Self.newline, from: uidEnd) {
                var end = uidEnd + 1
                while end < newline, bytes[end] != Self.tab { end += 1 }
                body(UnsafeRawBufferPointer(rebasing: bytes[start..<uidEnd]), UnsafeRawBufferPointer(rebasing: bytes[(uidEnd + 1)..<end]))
                start = newline + 1
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func firstIndex(of byte: UInt8, from start: Int) -> Int? {
        guard start < count, let base = baseAddress, let found = memchr(base + start, Int32(byte), count - start) else { return nil }
        return base.distance(to: UnsafeRawPointer(found))
    }
}
