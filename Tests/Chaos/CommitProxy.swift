import Foundation
import Synchronization
import TestSupport

/// A relay on loopback between the server and PostgreSQL that knows just enough of the protocol (PostgreSQL documentation, 55.7) to see a COMMIT
/// and its answer, and breaks the connection there; or answers COMMIT by itself and keeps it, which is what must never happen.
///
/// Each connection has two threads that copy messages.
final class CommitProxy: Sendable {
    /// Where the next COMMIT is cut.
    enum Cut: Sendable, Equatable {
        /// Nothing of it reaches PostgreSQL.
        case before
        /// A part of it does: this share of its bytes, 0 to 1.
        case inside(Double)
        /// All of it does, and the connection ends at once.
        case behind
        /// PostgreSQL answers, and the answer is lost.
        case answer
    }

    /// The port to connect to on 127.0.0.1.
    let port: Int
    private let target: Int
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var cut: Cut?
        var strikes = 0
        var lies = false
        var descriptors: Set<Int32> = []
        var closed = false
    }

    /// Relays to a port of loopback.
    init(to target: Int) throws {
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
        guard bound else { throw ChaosError("no port for a proxy: errno \(errno)") }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { [self] in accept() }
    }

    /// Arms the proxy for the next COMMIT that it sees; `strikes` tells when that has been.
    func arm(_ cut: Cut) { state.withLock { $0.cut = cut } }

    /// COMMITs that were cut so far.
    var strikes: Int { state.withLock { $0.strikes } }

    /// From now on COMMIT is answered here and kept from PostgreSQL.
    func lie() { state.withLock { $0.lies = true } }

    /// Cuts every connection now.
    func cutAll() { for descriptor in state.withLock({ $0.descriptors }) { shutdown(descriptor, Int32(SHUT_RDWR)) } }

    /// Cuts everything and takes no more connections.
    func close() {
        state.withLock { $0.closed = true }
        shutdown(listener, Int32(SHUT_RDWR))
        cutAll()
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0, !state.withLock({ $0.closed }) else { break }
            guard let server = Loopback.connect(port: target) else {
                Glibc.close(client)
                continue
            }
            // Messages are small and waited for: none is held back to be sent with the next.
            var on: Int32 = 1
            for descriptor in [client, server] {
                setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
            }
            state.withLock { $0.descriptors.formUnion([client, server]) }
            let link = Link(client: client, server: server)
            for copies in [copyUp, copyDown] {
                Thread.detachNewThread { [self] in
                    copies(link)
                    link.cut()
                    // Whoever is last closes both: earlier, the number could belong to somebody else already.
                    guard link.leave() else { return }
                    state.withLock { $0.descriptors.subtract([client, server]) }
                    Glibc.close(client)
                    Glibc.close(server)
                }
            }
        }
        Glibc.close(listener)
    }

    // MARK: From the server to PostgreSQL

    private func copyUp(_ link: Link) {
        var messages = Messages(of: link.client, hasTypes: false)
        /// Prepared statements whose text is COMMIT.
        var commits: Set<String> = []
        while let message = messages.next() {
            guard message.isCommit(&commits) else {
                guard link.send(message.bytes, to: link.server) else { return }
                continue
            }
            let (cut, lies) = state.withLock { state in
                defer { state.cut = nil }
                return (state.cut, state.lies)
            }
            guard cut != nil || lies else {
                guard link.send(message.bytes, to: link.server) else { return }
                continue
            }
            // A simple query stands by itself, all else goes on to Sync.
            var exchange = [message]
            while let type = exchange.last?.type, type != .query, type != .sync {
                guard let next = messages.next() else { return }
                exchange.append(next)
            }
            guard let cut else {
                guard lie(exchange, link) else { return }
                continue
            }
            strike(cut, exchange.flatMap(\.bytes), link)
            return
        }
    }

    private func strike(_ cut: Cut, _ bytes: [UInt8], _ link: Link) {
        switch cut {
        case .before: break
        case .inside(let share):
            _ = link.send(Array(bytes.prefix(max(1, min(bytes.count - 1, Int(Double(bytes.count) * share))))), to: link.server)
        case .behind: _ = link.send(bytes, to: link.server)
        case .answer:
            link.awaitsAnswer = true
            if link.send(bytes, to: link.server) { link.waitForAnswer() }
        }
        link.cut()
        state.withLock { $0.strikes += 1 }
    }

    /// Keeps a COMMIT back and has its answer made: PostgreSQL gets a Sync alone, whose answer tells when.
    private func lie(_ exchange: [WireMessage], _ link: Link) -> Bool {
        link.promise(exchange.flatMap(\.madeUpAnswer))
        return link.send(WireMessage.sync.bytes, to: link.server)
    }

    // MARK: From PostgreSQL to the server

    private func copyDown(_ link: Link) {
        var messages = Messages(of: link.server, hasTypes: true)
        while let message = messages.next() {
            if link.awaitsAnswer {
                // Nothing of the answer goes on; with the word COMMIT it is certain that it was one.
                if message.type == .commandComplete, message.text == "COMMIT" { return link.answerCame() }
                continue
            }
            var bytes = message.bytes
            if message.type == .readyForQuery, let madeUp = link.takePromise() { bytes = madeUp + WireMessage.idle.bytes }
            guard link.send(bytes, to: link.client) else { break }
        }
        link.answerCame()
    }
}

/// One connection through the proxy: both of its ends.
private final class Link: Sendable {
    let client: Int32
    let server: Int32
    private let state = Mutex((awaitsAnswer: false, promise: [UInt8](), ends: 2))
    private let answered = DispatchSemaphore(value: 0)

    init(client: Int32, server: Int32) {
        self.client = client
        self.server = server
    }

    var awaitsAnswer: Bool {
        get { state.withLock { $0.awaitsAnswer } }
        set { state.withLock { $0.awaitsAnswer = newValue } }
    }

    /// What is to be answered in the place of PostgreSQL, before it is ready for the next query.
    func promise(_ answer: [UInt8]) { state.withLock { $0.promise = answer } }

    func takePromise() -> [UInt8]? {
        state.withLock { state in
            defer { state.promise = [] }
            return state.promise.isEmpty ? nil : state.promise
        }
    }

    func answerCame() { answered.signal() }
    func waitForAnswer() { answered.wait() }

    func cut() { for descriptor in [client, server] { shutdown(descriptor, Int32(SHUT_RDWR)) } }

    /// Whether nobody is left.
    func leave() -> Bool {
        state.withLock { state in
            state.ends -= 1
            return state.ends == 0
        }
    }

    func send(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var written = 0
        while written < bytes.count {
            let more = bytes.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress?.advanced(by: written), bytes.count - written, Int32(MSG_NOSIGNAL))
            }
            guard more > 0 else { return false }
            written += more
        }
        return true
    }
}
