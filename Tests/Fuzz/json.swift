import Billing
import Foundation

/// The JSON parser: what parses, written out and parsed again, is the same value, and Foundation agrees on what is JSON.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    let bytes = input.remainder()
    do throws(JSONSyntaxError) {
        let value = try JSONValue(parsing: bytes)
        require(isJSONForFoundation(bytes) || value.hasHugeNumber, "what is JSON here is JSON for Foundation")
        let again = try JSONValue(parsing: Array(value.text.utf8))
        require(again.isEqual(to: value), "what is written out parses to the same")
        require(again.text == value.text, "writing is a function of the value")
    } catch {
        require((0...bytes.count).contains(error.offset), "an error names a place in the text")
        require(
            error.isStricterThanFoundation(in: bytes) || !isJSONForFoundation(bytes),
            "what is refused (\(error.description)) is no JSON for Foundation")
    }
    return 0
}

private func isJSONForFoundation(_ bytes: [UInt8]) -> Bool {
    (try? JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)) != nil
}

extension JSONSyntaxError {
    /// The known differences: we refuse what Foundation takes.
    fileprivate func isStricterThanFoundation(in bytes: [UInt8]) -> Bool {
        // Equal keys, of which it keeps one, and limits of ours: by design.
        if problem.contains("stands twice") || problem.hasPrefix("nested deeper") || problem.hasPrefix("more than") { return true }
        // It reads UTF-16, UTF-32 and a byte order mark, which RFC 8259 does not have.
        if bytes.contains(0) || [[0xEF, 0xBB, 0xBF], [0xFE, 0xFF], [0xFF, 0xFE]].contains(where: { bytes.starts(with: $0) }) {
            return true
        }
        // It lets a comma stand before the end of an array or object.
        let behindComma = bytes[..<offset].last { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: ",")
        return behindComma && offset < bytes.count && [UInt8(ascii: "]"), UInt8(ascii: "}")].contains(bytes[offset])
    }
}

extension JSONValue {
    /// A number that no Double holds, which Foundation refuses and we keep as it was written.
    fileprivate var hasHugeNumber: Bool {
        switch self {
        case .number(let text): Double(text)?.isFinite != true
        case .array(let values): values.contains(where: \.hasHugeNumber)
        case .object(let object): object.members.contains { $0.value.hasHugeNumber }
        case .null, .bool, .integer, .string: false
        }
    }

    /// The same kind, bytes and order: stricter than Swift's equality of strings, which takes different spellings of a letter for one.
    fileprivate func isEqual(to other: JSONValue) -> Bool {
        switch (self, other) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)), (.string(let left), .string(let right)): left.utf8.elementsEqual(right.utf8)
        case (.array(let left), .array(let right)): left.elementsEqual(right) { $0.isEqual(to: $1) }
        case (.object(let left), .object(let right)):
            left.members.elementsEqual(right.members) { $0.name.utf8.elementsEqual($1.name.utf8) && $0.value.isEqual(to: $1.value) }
        default: false
        }
    }

    fileprivate var text: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .integer(let value): "\(value)"
        case .number(let text): text
        case .string(let text): Self.quoted(text)
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let object): "{" + object.members.map { Self.quoted($0.name) + ":" + $0.value.text }.joined(separator: ",") + "}"
        }
    }

    /// Every second character escaped, as UTF-16 has it, so that escapes are read back, too.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            if index.isMultiple(of: 2) || scalar.value < 0x20 || scalar == "\"" || scalar == "\\" {
                for unit in String(scalar).utf16 {
                    quoted += "\\u" + String(repeating: "0", count: 4 - String(unit, radix: 16).count) + String(unit, radix: 16)
                }
            } else {
                quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
