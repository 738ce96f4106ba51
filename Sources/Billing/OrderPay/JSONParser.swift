extension JSONValue {
    /// Reads one JSON text and nothing behind it.
    ///
    /// - Throws: `JSONSyntaxError` when the bytes are no JSON, no UTF-8, repeat a key, or nest deeper than 32.
    public init(parsing bytes: [UInt8]) throws(JSONSyntaxError) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.text()
    }
}

/// Recursive descent over bytes; the depth is limited, so what comes from outside cannot exhaust the stack.
struct JSONParser {
    /// Nothing that the server takes nests deeper than 4; room for keys that it ignores.
    static let maxDepth = 32
    /// Members of one object: equal names are found by looking at each, which must not become quadratic in a hostile body.
    static let maxMembers = 256

    private let bytes: [UInt8]
    private var at = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func text() throws(JSONSyntaxError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw error("something stands behind the JSON text") }
        return value
    }

    private func error(_ problem: String) -> JSONSyntaxError {
        JSONSyntaxError(problem: problem, offset: at)
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        guard depth < Self.maxDepth else { throw error("nested deeper than \(Self.maxDepth)") }
        skipSpace()
        guard let byte = next else { throw error("the text ends where a value is due") }
        switch byte {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw error("no JSON value")
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        let count = word.utf8CodeUnitCount
        guard at + count <= bytes.count, (0..<count).allSatisfy({ bytes[at + $0] == word.utf8Start[$0] }) else {
            throw error("no JSON value")
        }
        at += count
        return value
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> JSONObject {
        var object = JSONObject()
        if opensEmpty(before: UInt8(ascii: "}")) { return object }
        repeat {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a key in quotes is due") }
            let name = try string()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw error("a colon is due") }
            at += 1
            let value = try value(depth: depth + 1)
            guard object.members.count < Self.maxMembers else { throw error("more than \(Self.maxMembers) keys in one object") }
            guard object.add(name, value) else { throw error("the key \"\(name.prefix(64))\" stands twice") }
        } while try goesOn(before: UInt8(ascii: "}"))
        return object
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> [JSONValue] {
        var values: [JSONValue] = []
        if opensEmpty(before: UInt8(ascii: "]")) { return values }
        repeat { values.append(try value(depth: depth + 1)) } while try goesOn(before: UInt8(ascii: "]"))
        return values
    }

    /// Passes the opening bracket; whether the closing one follows at once, and is passed too.
    private mutating func opensEmpty(before close: UInt8) -> Bool {
        at += 1
        skipSpace()
        guard next == close else { return false }
        at += 1
        return true
    }

    /// Passes what stands behind a member: whether it was a comma, with more to come, or the closing bracket.
    private mutating func goesOn(before close: UInt8) throws(JSONSyntaxError) -> Bool {
        skipSpace()
        guard let byte = next, byte == UInt8(ascii: ",") || byte == close else {
            throw error("a comma or \(Character(Unicode.Scalar(close))) is due")
        }
        at += 1
        return byte != close
    }

    /// - Returns: how many there are, and what they say as long as they are no more than an Int64 holds, 18.
    private mutating func digits() -> (count: Int, value: Int64) {
        let start = at
        var value: Int64 = 0
        while let byte = next, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            value = value &* 10 &+ Int64(byte &- UInt8(ascii: "0"))
            at += 1
        }
        return (at - start, value)
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONValue {
        let start = at
        let isNegative = next == UInt8(ascii: "-")
        if isNegative { at += 1 }
        let leadingZero = next == UInt8(ascii: "0")
        let (count, magnitude) = digits()
        guard count > 0, !leadingZero || count == 1 else { throw error("no JSON number") }
        var whole = true
        if next == UInt8(ascii: ".") {
            at += 1
            whole = false
            guard digits().count > 0 else { throw error("no JSON number") }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            at += 1
            whole = false
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            guard digits().count > 0 else { throw error("no JSON number") }
        }
        // 2^53 - 1 has 16 digits.
        guard whole, count <= 16, magnitude <= 9_007_199_254_740_991 else {
            return .number(String(decoding: bytes[start..<at], as: UTF8.self))
        }
        return .integer(isNegative ? -magnitude : magnitude)
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        at += 1
        let start = at
        // The common case: no escape, so the bytes between the quotes are the text; and all of it ASCII, which needs no second look.
        var seen: UInt8 = 0
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 {
            seen |= byte
            at += 1
        }
        if next == UInt8(ascii: "\"") {
            defer { at += 1 }
            if seen < 0x80 {
                return bytes.withUnsafeBufferPointer { String(decoding: UnsafeBufferPointer(rebasing: $0[start..<at]), as: UTF8.self) }
            }
            return try utf8(bytes[start..<at])
        }
        var text = Array(bytes[start..<at])
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return try utf8(text[...])
            case UInt8(ascii: "\\"):
                at += 1
                try escape(into: &text)
            case 0..<0x20: throw error("a control character stands bare in a string")
            default:
                text.append(byte)
                at += 1
            }
        }
        throw error("the text ends inside a string")
    }

    private func utf8(_ bytes: ArraySlice<UInt8>) throws(JSONSyntaxError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw error("no valid UTF-8 in the string that ends") }
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        guard let byte = next else { throw error("the text ends inside a string") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = UInt32(try hex())
            if (0xD800...0xDBFF).contains(code), next == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") {
                at += 2
                let low = UInt32(try hex())
                guard (0xDC00...0xDFFF).contains(low) else { throw error("half of a surrogate pair") }
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw error("half of a surrogate pair") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
        default: throw error("no JSON escape")
        }
    }

    private mutating func hex() throws(JSONSyntaxError) -> UInt16 {
        guard at + 4 <= bytes.count, let value = UInt16(String(decoding: bytes[at..<at + 4], as: UTF8.self), radix: 16),
            bytes[at] != UInt8(ascii: "+"), bytes[at] != UInt8(ascii: "-")
        else { throw error("four hexadecimal digits are due") }
        at += 4
        return value
    }
}
