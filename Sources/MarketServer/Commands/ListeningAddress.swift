import Foundation
import NIOCore

/// Where a server is to listen.
struct ListeningAddress: Sendable, Equatable, CustomStringConvertible {
    let host: String
    let port: Int

    var description: String { "\(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// Takes the address and gives it back at once, so that one that cannot be had is known before anything is started for it.
    ///
    /// - Throws: `CommandFailure` that names the address.
    func probe() throws(CommandFailure) {
        let address: SocketAddress
        do {
            address = try SocketAddress.makeAddressResolvingHost(host, port: port)
        } catch {
            throw CommandFailure("cannot listen on \(self): there is no host of that name; give another with --host or MARKET_HOST")
        }
        let descriptor = socket(address.protocol.rawValue, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw refusal(errno) }
        defer { close(descriptor) }
        // As the server itself does: what lingers of an earlier one's connections keeps nobody from listening.
        var reuse: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        let code = address.withSockAddr { pointer, size in bind(descriptor, pointer, socklen_t(size)) == 0 ? 0 : errno }
        if code != 0 { throw refusal(code) }
    }

    /// Why the system does not let us listen.
    func refusal(_ code: Int32) -> CommandFailure {
        let other = "give another with --port or MARKET_PORT"
        return switch code {
        case EADDRINUSE: CommandFailure("cannot listen on \(self): another program listens there already; end it, or \(other)")
        case EACCES: CommandFailure("cannot listen on \(self): the system keeps that port for privileged programs; \(other)")
        case EADDRNOTAVAIL:
            CommandFailure("cannot listen on \(self): this machine has no such address; give another with --host or MARKET_HOST")
        default: CommandFailure("cannot listen on \(self)", code: code)
        }
    }
}
