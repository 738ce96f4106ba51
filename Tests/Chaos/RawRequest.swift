import Foundation

/// A request over a socket of its own, for what no client library does: not to read on, or never to come to an end.
///
/// Blocks; to be used from `Waiting.blocking`.
final class RawRequest: Sendable {
    private let descriptor: Int32

    /// - Parameter room: of the system's buffer for what is not read yet, in bytes; nil for the usual.
    init(port: Int, room: Int32? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        // Before it is connected: it decides how much the other side may send ahead.
        if var room { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, socklen_t(MemoryLayout<Int32>.size)) }
        // Longer than a server may take to end.
        var limit = timeval(tv_sec: 40, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard connected else { throw ChaosError("no connection to the server: errno \(errno)") }
    }

    deinit { close(descriptor) }

    /// The beginning of a request.
    func begin(_ method: String, _ path: String, token: String, headers: [String] = []) throws {
        let lines = ["\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer \(token)"] + headers
        try write(lines.joined(separator: "\r\n") + "\r\n\r\n")
    }

    /// A piece of a body that is sent in pieces.
    func write(chunk: String) throws { try write("\(String(chunk.utf8.count, radix: 16))\r\n\(chunk)\r\n") }

    private func write(_ text: String) throws {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw ChaosError("the server took no more: errno \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Some of what came; nil at the end of the connection, however it ends.
    func read() -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &bytes, bytes.count, 0)
        return count > 0 ? Array(bytes[..<count]) : nil
    }
}
