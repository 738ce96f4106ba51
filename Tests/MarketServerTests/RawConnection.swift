import Foundation
import TestSupport

/// A connection on which a test says exactly what it wants, be it no HTTP, and hears exactly what comes back.
enum RawConnection {
    /// Sends bytes and reads until the server closes.
    ///
    /// - Parameter endsSending: says that nothing more will come, and goes on listening.
    /// - Returns: all that came; nil when the server had not closed within the limit.
    static func exchange(_ sent: String, port: Int, limitSeconds: Int = 30, endsSending: Bool = false) async -> String? {
        // Sockets that wait would take the tests' own threads away.
        await withCheckedContinuation { continuation in
            Thread.detachNewThread { continuation.resume(returning: exchangeBlocking(sent, port, limitSeconds, endsSending)) }
        }
    }

    private static func exchangeBlocking(_ sent: String, _ port: Int, _ limitSeconds: Int, _ endsSending: Bool) -> String? {
        guard let socket = Loopback.connect(port: port) else { return nil }
        defer { close(socket) }
        var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let bytes = Array(sent.utf8)
        guard send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return nil }
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
