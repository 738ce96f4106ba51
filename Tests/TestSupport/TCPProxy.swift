import Foundation
import NIOConcurrencyHelpers

/// A relay on loopback that loses connections on purpose: at once, after so many bytes, or silently.
///
/// Each connection has two threads that copy bytes; a proxy is for a test, which has few of them.
public final class TCPProxy: Sendable {
    /// The port to connect to on 127.0.0.1.
    public let port: Int
    private let target: Int
    private let listener: Int32
    private let state = NIOLockedValueBox(State())

    private struct State {
        var descriptors: Set<Int32> = []
        /// Bytes from client to server that still pass before every connection is cut; nil for no limit.
        var bytesLeft: Int?
        var sent = 0
        var cutsAnswers = false
        var isStalled = false
        /// Bytes from client to server that still pass before everything stalls; nil for no limit.
        var bytesUntilStall: Int?
        var closed = false
    }

    /// Relays to a port of loopback.
    public init(to target: Int) throws {
        self.target = target
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = Loopback.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let bound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 64) == 0 && getsockname(listener, address, &length) == 0
            }
        }
        guard bound else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in accept() }
    }

    /// Bytes that went from clients to the server so far.
    public var sent: Int { state.withLockedValue { $0.sent } }

    /// Cuts every connection now.
    public func cut() {
        for descriptor in state.withLockedValue({ $0.descriptors }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
    }

    /// Lets so many bytes more pass from client to server, then cuts every connection; answers are held back from now on.
    public func cut(after bytes: Int) {
        state.withLockedValue { state in
            state.bytesLeft = bytes
            state.cutsAnswers = true
        }
    }

    /// Passes nothing on in either direction, as a network that loses every packet.
    public func stall() {
        state.withLockedValue { $0.isStalled = true }
    }

    /// Lets so many bytes more pass from client to server, then stalls.
    public func stall(after bytes: Int) {
        state.withLockedValue { $0.bytesUntilStall = bytes }
    }

    /// Passes things on again; what came while it was stalled is lost.
    public func resume() {
        state.withLockedValue { state in
            state.isStalled = false
            state.bytesUntilStall = nil
        }
    }

    /// Connections that it relays now.
    public var openConnections: Int { state.withLockedValue { $0.descriptors.count / 2 } }

    /// Behaves again, for new connections.
    public func heal() {
        cut()
        state.withLockedValue { state in
            state.bytesLeft = nil
            state.cutsAnswers = false
            state.isStalled = false
            state.bytesUntilStall = nil
        }
    }

    /// Cuts everything and takes no more connections.
    public func close() {
        state.withLockedValue { $0.closed = true }
        shutdown(listener, Int32(SHUT_RDWR))
        cut()
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0, !state.withLockedValue({ $0.closed }) else { break }
            guard let server = Loopback.connect(port: target) else {
                Glibc.close(client)
                continue
            }
            state.withLockedValue { $0.descriptors.formUnion([client, server]) }
            relay(client, server)
        }
        Glibc.close(listener)
    }

    private func relay(_ client: Int32, _ server: Int32) {
        let shared = Ends(count: 2)
        for (source, sink, isUpward) in [(client, server, true), (server, client, false)] {
            Thread.detachNewThread { [self] in
                copy(source, sink, isUpward: isUpward)
                shutdown(source, Int32(SHUT_RDWR))
                shutdown(sink, Int32(SHUT_RDWR))
                // Whoever is last closes both: earlier, the number could belong to somebody else already.
                guard shared.leave() else { return }
                state.withLockedValue { $0.descriptors.subtract([client, server]) }
                Glibc.close(client)
                Glibc.close(server)
            }
        }
    }

    private func copy(_ source: Int32, _ sink: Int32, isUpward: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { return }
            let (pass, goesOn) = state.withLockedValue { state in isUpward ? upward(count, &state) : downward(count, &state) }
            var written = 0
            while written < pass {
                let more = buffer.withUnsafeBytes { write(sink, $0.baseAddress?.advanced(by: written), pass - written) }
                guard more > 0 else { return }
                written += more
            }
            if !goesOn {
                cut()
                return
            }
        }
    }

    private func upward(_ count: Int, _ state: inout State) -> (pass: Int, goesOn: Bool) {
        if state.isStalled { return (0, true) }
        if let left = state.bytesUntilStall {
            let pass = min(left, count)
            state.sent += pass
            state.bytesUntilStall = left - pass
            if count > left { state.isStalled = true }
            return (pass, true)
        }
        guard let left = state.bytesLeft else {
            state.sent += count
            return (count, true)
        }
        let pass = min(left, count)
        state.sent += pass
        state.bytesLeft = left - pass
        // With the last byte let through the server acts on it; its answer is what is lost then, so the cut waits for that.
        return (pass, count <= left)
    }

    private func downward(_ count: Int, _ state: inout State) -> (pass: Int, goesOn: Bool) {
        if state.isStalled { return (0, true) }
        return state.cutsAnswers ? (0, false) : (count, true)
    }
}

private final class Ends: Sendable {
    private let count: NIOLockedValueBox<Int>

    init(count: Int) {
        self.count = NIOLockedValueBox(count)
    }

    /// Whether nobody is left.
    func leave() -> Bool {
        count.withLockedValue { count in
            count -= 1
            return count == 0
        }
    }
}
