/// A request for an express route, read from its bytes.
///
/// Stricter than any reader of HTTP behind it: each line ends as RFC 9112 has it, and nothing may be understood in two ways. So the bytes that it calls
/// one request are one for everybody. Whatever else HTTP allows is left to the router.
struct ExpressArrival {
    let route: ExpressRoute
    let request: ExpressRequest
    /// Bytes of the head.
    let head: Int
    /// Bytes of the whole, of which some may be to come.
    let length: Int

    /// Nil for a request that is for another route, has not come with its whole head, or has anything unusual about it.
    ///
    /// - Parameter known: the credentials of an earlier request, to be taken again where they are the same.
    init?(_ bytes: UnsafeRawBufferPointer, for route: ExpressRoute, known: ExpressCredentials? = nil) {
        guard bytes.starts(with: route.start) else { return nil }
        var reader = Reader(bytes: bytes, at: route.start.count)
        let lastPart = reader.text(while: Self.isWord)
        let query = reader.skip(UInt8(ascii: "?")) ? reader.text { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") } : nil
        guard lastPart.isEmpty != route.hasParameter, reader.skip(" HTTP/1.1\r\n") else { return nil }
        var fields = Fields()
        while !reader.skip("\r\n") {
            guard let (name, value) = reader.field(), fields.take(name, value) else { return nil }
        }
        let body = fields.contentLength ?? 0
        guard body <= route.maxBody else { return nil }
        self.route = route
        let credentials = fields.authorization.map { header in
            if let known, known.are(header) { known } else { ExpressCredentials(header) }
        }
        request = ExpressRequest(lastPart: lastPart, query: query, credentials: credentials)
        (head, length) = (reader.at, reader.at + body)
    }

    /// Of a key or a field's name; what is escaped has to be decoded first.
    fileprivate static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): true
        case UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    /// The fields that say how a request is to be taken.
    private struct Fields {
        var contentLength: Int?
        var authorization: UnsafeRawBufferPointer?
        private var hasHost = false

        /// False for what only the router knows to deal with; twice is a mistake that it names.
        mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
            // By length first: few names have the length of one that matters.
            switch name.count {
            case 4 where name.spells("host"):
                defer { hasHost = true }
                return !hasHost
            case 6 where name.spells("expect"), 7 where name.spells("upgrade"), 16 where name.spells("content-encoding"),
                17 where name.spells("transfer-encoding"), 16 where name.spells("proxy-connection"):
                return false
            case 10 where name.spells("connection"): return value.spells("keep-alive")
            case 13 where name.spells("authorization"):
                guard authorization == nil else { return false }
                authorization = value
            case 14 where name.spells("content-length"):
                guard contentLength == nil, (1...7).contains(value.count) else { return false }
                var length = 0
                for byte in value {
                    guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return false }
                    length = length * 10 + Int(byte - UInt8(ascii: "0"))
                }
                contentLength = length
            default: break
            }
            return true
        }
    }
}

private struct Reader {
    let bytes: UnsafeRawBufferPointer
    var at: Int

    mutating func skip(_ byte: UInt8) -> Bool {
        guard at < bytes.count, bytes[at] == byte else { return false }
        at += 1
        return true
    }

    mutating func skip(_ text: StaticString) -> Bool {
        let due = UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        guard bytes[at...].starts(with: due) else { return false }
        at += due.count
        return true
    }

    private mutating func range(while isIn: (UInt8) -> Bool) -> UnsafeRawBufferPointer {
        let start = at
        while at < bytes.count, isIn(bytes[at]) { at += 1 }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<at])
    }

    mutating func text(while isIn: (UInt8) -> Bool) -> String { String(decoding: range(while: isIn), as: UTF8.self) }

    /// A line of a head: the name and the value without the spaces around it. Nil for one that is not whole, or not plain ASCII.
    mutating func field() -> (name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        let name = range(while: ExpressArrival.isWord)
        guard !name.isEmpty, skip(UInt8(ascii: ":")) else { return nil }
        while skip(UInt8(ascii: " ")) {}
        var value = range { $0 >= 0x20 && $0 < 0x7F }
        guard skip("\r\n") else { return nil }
        while value.last == UInt8(ascii: " ") { value = UnsafeRawBufferPointer(rebasing: value.dropLast()) }
        return (name, value)
    }
}

extension UnsafeRawBufferPointer {
    /// Whether these are the letters of a word, which is given in small ones.
    fileprivate func spells(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        for index in indices {
            let byte = self[index]
            let small = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            if small != word.utf8Start[index] { return false }
        }
        return true
    }
}
