import Foundation

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
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(socket) }
        var limit = timeval(tv_sec: limitSeconds, tv_usec: 0)
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in(
            sin_family: sa_family_t(AF_INET), sin_port: in_port_t(port).bigEndian, sin_addr: in_addr(s_addr: inet_addr("127.0.0.1")),
            sin_zero: (0, 0, 0, 0, 0, 0, 0, 0))
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard connected == 0 else { return nil }
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
