import Foundation
import HTTPTypes
import Logging
import NIOCore

/// The log lines of the requests that one event loop answers together: what `RequestLine` would log, written as bytes and with one call.
///
/// By way of the logger a line cost as much as a third of all that an answer takes: a dictionary, a dozen texts, the name of the hour, a call of the
/// system.
struct RequestLines {
    /// The logger's own lines and these go to one place in one form: only standard error is written to here.
    static func isDue(for logger: Logger) -> Bool {
        guard logger.logLevel <= .info, let handler = logger.handler as? StreamLogHandler else { return false }
        return handler.metadata.isEmpty
    }

    /// What a pipe takes in one piece, however many write to it (PIPE_BUF): no other line is written into the middle of one.
    private static let piece = 4_096

    private let label: String
    /// When the first of them is written.
    private var time = ""
    private(set) var text = ByteBuffer()

    init(label: String) {
        self.label = label
    }

    /// Adds the line of an answer of 200.
    mutating func add(_ route: Route, _ answer: ExpressAnswer, id: (UInt64, UInt64), after duration: TimeAmount) {
        if time.isEmpty { time = Self.now() }
        let start = text.writerIndex
        text.writeString(time)
        text.writeStaticString(" info ")
        text.writeString(label)
        text.writeStaticString(": bytes=")
        text.writeDecimal(answer.json.readableBytes)
        text.writeStaticString(" hb.request.id=")
        text.writeHexadecimal(id.0)
        text.writeHexadecimal(id.1)
        text.writeStaticString(" method=")
        text.writeString(route.method.rawValue)
        text.writeStaticString(" ms=")
        // Tenths of a millisecond, rounded.
        let tenths = (duration.nanoseconds + 50_000) / 100_000
        text.writeDecimal(Int(tenths / 10))
        text.writeStaticString(".")
        text.writeDecimal(Int(tenths % 10))
        if let principal = answer.principal {
            text.writeStaticString(" principal=")
            text.writeString(principal.actor)
        }
        text.writeStaticString(" route=")
        text.writeString(route.path)
        text.writeStaticString(" status=200 [MarketServer] request\n")
        guard text.readableBytes > Self.piece, let whole = text.readSlice(length: start - text.readerIndex) else { return }
        Self.write(whole)
        text.discardReadBytes()
    }

    /// Writes what was added.
    mutating func flush() {
        guard text.readableBytes > 0 else { return }
        Self.write(text)
        text.clear()
    }

    private static func write(_ lines: ByteBuffer) {
        guard lines.readableBytes > 0 else { return }
        lines.withUnsafeReadableBytes { bytes in
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = Glibc.write(STDERR_FILENO, rest.baseAddress(), rest.count)
                if count >= 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    // Somebody has made the pipe one that does not wait; a log that is written into it does.
                    var pipe = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
                    poll(&pipe, 1, -1)
                } else if errno != EINTR {
                    // Where the log cannot be written there is nowhere to say so; the logger's own lines are lost then, too.
                    return
                }
            }
        }
    }

    /// As the logger writes it.
    private static func now() -> String {
        var (now, parts) = (Glibc.time(nil), tm())
        localtime_r(&now, &parts)
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 40) { buffer in
            let count = strftime(buffer.baseAddress, buffer.count, "%Y-%m-%dT%H:%M:%S%z", &parts)
            return String(decoding: UnsafeRawBufferPointer(buffer).prefix(count), as: UTF8.self)
        }
    }
}

extension Slice<UnsafeRawBufferPointer> {
    fileprivate func baseAddress() -> UnsafeRawPointer? { UnsafeRawBufferPointer(rebasing: self).baseAddress }
}
