import Glibc

/// A message of PostgreSQL's protocol, whole: a letter, a length that counts itself, and the rest.
struct WireMessage {
    enum Kind: UInt8 {
        case query = 0x51  // Q
        case parse = 0x50  // P
        case bind = 0x42  // B
        case describe = 0x44  // D, of the client
        case execute = 0x45  // E, of the client
        case sync = 0x53  // S, of the client
        case commandComplete = 0x43  // C, of the server
        case readyForQuery = 0x5A  // Z
    }

    let bytes: [UInt8]
    /// Nil for letters that make no difference here, and for the first message of a connection, which has none.
    let type: Kind?

    static let sync = WireMessage(bytes: [0x53, 0, 0, 0, 4], type: .sync)
    /// Ready, and in no transaction.
    static let idle = WireMessage(bytes: [0x5A, 0, 0, 0, 5, 0x49], type: .readyForQuery)

    /// The texts of the body, each of which a zero ends.
    private var texts: [String] {
        bytes.dropFirst(5).split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
    }

    /// The first text of the body.
    var text: String { texts.first ?? "" }

    /// Whether this begins a COMMIT; notes the prepared statements that are one.
    func isCommit(_ commits: inout Set<String>) -> Bool {
        switch type {
        case .query: return Self.isCommit(text)
        case .parse:
            guard texts.count >= 2, Self.isCommit(texts[1]) else {
                commits.remove(text)
                return false
            }
            commits.insert(text)
            return true
        case .bind: return texts.count >= 2 && commits.contains(texts[1])
        default: return false
        }
    }

    private static func isCommit(_ text: String) -> Bool { text.lowercased() == "commit" }

    /// What PostgreSQL would say to it if it were part of a COMMIT that goes well.
    var madeUpAnswer: [UInt8] {
        let complete: [UInt8] = [0x43, 0, 0, 0, 11] + Array("COMMIT".utf8) + [0]
        return switch type {
        case .query, .execute: complete
        case .parse: [0x31, 0, 0, 0, 4]
        case .bind: [0x32, 0, 0, 0, 4]
        case .describe: [0x6E, 0, 0, 0, 4]
        default: []
        }
    }
}

/// Reads whole messages from a socket.
struct Messages {
    private let descriptor: Int32
    private var hasTypes: Bool
    private var buffer: [UInt8] = []
    private var start = 0
    private var chunk = [UInt8](repeating: 0, count: 65_536)

    /// - Parameter hasTypes: false for what a client sends, whose first message has no letter.
    init(of descriptor: Int32, hasTypes: Bool) {
        self.descriptor = descriptor
        self.hasTypes = hasTypes
    }

    /// The next message; nil at the end of the connection.
    mutating func next() -> WireMessage? {
        while true {
            if let message = take() { return message }
            let count = read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return nil }
            buffer.removeFirst(start)
            start = 0
            buffer.append(contentsOf: chunk[..<count])
        }
    }

    private mutating func take() -> WireMessage? {
        let header = hasTypes ? 1 : 0
        guard buffer.count - start >= header + 4 else { return nil }
        let length = buffer[(start + header)..<(start + header + 4)].reduce(0) { $0 << 8 | Int($1) }
        guard length >= 4, buffer.count - start >= header + length else { return nil }
        let bytes = Array(buffer[start..<(start + header + length)])
        start += bytes.count
        guard hasTypes else {
            hasTypes = true
            return WireMessage(bytes: bytes, type: nil)
        }
        return WireMessage(bytes: bytes, type: .init(rawValue: bytes[0]))
    }
}
