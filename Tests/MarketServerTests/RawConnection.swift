import Foundation
import TestSupport

/// A connection on which a test says exactly what it wants, be it no HTTP, and hears exactly what comes back.
enum RawConnection {
    /// Sends bytes and reads until the server closes.
    ///
    /// - Parameter endsSending: says that nothing more will come, and goes on listening.
    /// - Parameter pieces: bytes of each of the pieces in which it is sent; nil to send it at once.
    /// - Returns: all that came; nil when the server had not closed within the limit.
    static func exchange(
        _ sent: String, port: Int, limitSeconds: Int = 30, endsSending: Bool = false, pieces: Int? = nil
    ) async -> String? {
        // Sockets that wait would take the tests' own threads away.
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: exchangeBlocking(sent, port, limitSeconds, endsSending, pieces)) }
        }
    }

    private static func exchangeBlocking(_ sent: String, _ port: Int, _ limitSeconds: Int, _ endsSending: Bool, _ pieces: Int?) -> String? {
        guard let socket = Loopback.connect(port: port) else { return nil }
        defer { close(socket) }
        var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let bytes = Array(sent.utf8)
        if pieces != nil {
            var on: Int32 = 1
            setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces ?? bytes.count))
            guard send(socket, piece, piece.count, Int32(MSG_NOSIGNAL)) == piece.count else { return nil }
            rest = rest.dropFirst(piece.count)
            // The server's turn, so that it mostly sees each by itself; right either way.
            if pieces != nil { sched_yield() }
        }
        if endsSending { shutdown(socket, Int32(SHUT_WR)) }
        var heard: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            if count < 0 { return nil }
            if count == 0 { return String(decoding: heard, as: UTF8.self) }
            heard += buffer[..<count]
        }
    }
}
