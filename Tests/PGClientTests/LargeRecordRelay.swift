import Foundation
import PostgresCluster

/// Speaks TLS in front of a PostgreSQL that does not, as a pooler or a cloud's proxy may, and packs whatever comes at once into records of 16 KiB.
/// PostgreSQL's own records hold 8 KiB at most.
///
/// It serves one connection: `openssl s_server` does the encryption, threads of ours pass the bytes on.
final class LargeRecordRelay: Sendable {
    /// The port to connect to on 127.0.0.1.
    let port: Int
    private let listener: Int32
    private let encryption: Process
    private let input = Pipe()
    private let output = Pipe()

    /// - Parameter folder: where `server.crt` and `server.key` are.
    init(to target: Int, folder: URL) throws {
        let ours = try Self.listen()
        let free = try Self.listen()
        close(free.descriptor)
        (listener, port) = (ours.descriptor, ours.port)
        encryption = Process()
        encryption.executableURL = URL(filePath: "/usr/bin/openssl")
        encryption.arguments = [
            "s_server", "-quiet", "-accept", "127.0.0.1:\(free.port)", "-cert", folder.appending(path: "server.crt").path, "-key",
            folder.appending(path: "server.key").path,
        ]
        encryption.standardInput = input
        encryption.standardOutput = output
        encryption.standardError = FileHandle.nullDevice
        try encryption.run()
        let (descriptor, inner) = (listener, free.port)
        let (clear, toEncrypt) = (output.fileHandleForReading.fileDescriptor, input.fileHandleForWriting.fileDescriptor)
        Thread.detachNewThread {
            let client = accept(descriptor, nil, nil)
            // SSLRequest (PostgreSQL documentation, 55.7) and the answer to it; what follows is TLS.
            var request = [UInt8](repeating: 0, count: 8)
            guard client >= 0, read(client, &request, 8) == 8, write(client, "S", 1) == 1 else { return }
            var encrypted = Self.connect(inner)
            while encrypted < 0 { encrypted = Self.connect(inner) }
            let server = Self.connect(target)
            Self.pass(client, encrypted)
            Self.pass(encrypted, client)
            Self.pass(clear, server)
            Self.pass(server, toEncrypt, gathering: true)
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        // It does not heed SIGTERM while it waits for a handshake.
        kill(encryption.processIdentifier, SIGKILL)
    }

    private static func pass(_ source: Int32, _ sink: Int32, gathering: Bool = false) {
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                var count = read(source, &buffer, buffer.count)
                guard count > 0 else { break }
                var polled = pollfd(fd: source, events: Int16(POLLIN), revents: 0)
                // The rest of an answer comes within milliseconds.
                while gathering, count < buffer.count, poll(&polled, 1, 20) == 1 {
                    let more = buffer.withUnsafeMutableBytes { read(source, $0.baseAddress?.advanced(by: count), $0.count - count) }
                    guard more > 0 else { break }
                    count += more
                }
                var sent = 0
                while sent < count {
                    let more = buffer.withUnsafeBytes { write(sink, $0.baseAddress?.advanced(by: sent), count - sent) }
                    guard more > 0 else { break }
                    sent += more
                }
                guard sent == count else { break }
            }
            shutdown(source, Int32(SHUT_RDWR))
            shutdown(sink, Int32(SHUT_RDWR))
        }
    }

    private static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && Glibc.listen(descriptor, 4) == 0 && getsockname(descriptor, address, &length) == 0
            }
        }
        guard bound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    private static func connect(_ port: Int) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = address(port: port)
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        if connected { return descriptor }
        close(descriptor)
        return -1
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        return address
    }
}
