/// Reads `order_pay` messages from CSV (RFC 4180, one record a line): the first line names the columns, in any order.
public struct OrderPayCSV: Sendable {
    private static let required = ["addTime", "amount", "appId", "createTime", "prodId", "tradeNo", "type", "uid"]
    private static let optional = ["payTradeNo"]
    private let columns: [String]

    public struct Problem: Error, Sendable {
        public let detail: String
    }

    /// - Throws: `Problem` that names the columns which are missing or stand twice.
    public init(header: [UInt8]) throws(Problem) {
        // A byte order mark is what spreadsheets put in front.
        let bytes = header.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(header.dropFirst(3)) : header
        columns = try Self.fields(bytes)
        let missing = Self.required.filter { !columns.contains($0) }
        guard missing.isEmpty else { throw Problem(detail: "the header lacks \(missing.joined(separator: ", "))") }
        // As with JSON's keys: of two equal ones another reader might take the other. What is none of ours may be called as it likes.
        let known = columns.filter { (Self.required + Self.optional).contains($0) }
        for (index, name) in known.enumerated() where known[..<index].contains(name) {
            throw Problem(detail: "the column \(name) stands twice")
        }
    }

    /// - Throws: `Problem` that names the column at fault.
    public func message(_ line: [UInt8]) throws(Problem) -> OrderPay {
        let fields = try Self.fields(line)
        guard fields.count == columns.count else { throw Problem(detail: "\(fields.count) fields where the header has \(columns.count)") }
        func text(_ name: String) -> String? {
            guard let index = columns.firstIndex(of: name), !fields[index].isEmpty else { return nil }
            return fields[index]
        }
        func required(_ name: String) throws(Problem) -> String {
            guard let value = text(name) else { throw Problem(detail: "\(name): missing") }
            return value
        }
        func integer(_ name: String) throws(Problem) -> Int64 {
            guard let value = Int64(try required(name)), value.magnitude <= 9_007_199_254_740_991 else {
                throw Problem(detail: "\(name): an integer of at most 9007199254740991 is due")
            }
            return value
        }
        return OrderPay(
            addTime: try integer("addTime"), amount: try integer("amount"), appId: try integer("appId"),
            createTime: try integer("createTime"),
            prodId: try integer("prodId"), tradeNo: try required("tradeNo"), type: try integer("type"), uid: try required("uid"),
            payTradeNo: text("payTradeNo"))
    }

    /// Strict about quotes: a line that was cut or glued together must not be read as a trade that nobody made.
    private static func fields(_ line: [UInt8]) throws(Problem) -> [String] {
        var fields: [String] = []
        var field: [UInt8] = []
        var quoted = false
        /// The field was in quotes, and they are closed.
        var closed = false
        var index = 0
        while index <= line.count {
            let byte = index < line.count ? line[index] : nil
            if quoted {
                guard let byte else { throw Problem(detail: "a quote is not closed") }
                if byte == UInt8(ascii: "\"") {
                    if index + 1 < line.count, line[index + 1] == UInt8(ascii: "\"") {
                        field.append(byte)
                        index += 1
                    } else {
                        (quoted, closed) = (false, true)
                    }
                } else {
                    field.append(byte)
                }
            } else if byte == nil || byte == UInt8(ascii: ",") {
                guard let text = String(validating: field, as: UTF8.self) else { throw Problem(detail: "no valid UTF-8") }
                fields.append(text)
                field.removeAll(keepingCapacity: true)
                closed = false
            } else if closed {
                throw Problem(detail: "something stands behind the quotes of a field")
            } else if byte == UInt8(ascii: "\"") {
                guard field.isEmpty else { throw Problem(detail: "a quote stands in a field without quotes") }
                quoted = true
            } else if let byte {
                field.append(byte)
            }
            index += 1
        }
        return fields
    }
}

extension OrderPay {
    /// The message as the platform would send it: what is kept of a CSV line, so that it can be read again.
    var json: [UInt8] {
        var text = #"{"addTime":\#(addTime),"amount":\#(amount),"appId":\#(appId),"createTime":\#(createTime),"prodId":\#(prodId),"#
        text += #""tradeNo":\#(Self.quoted(tradeNo)),"type":\#(type),"uid":\#(Self.quoted(uid))"#
        if let payTradeNo { text += #","payTradeNo":\#(Self.quoted(payTradeNo))"# }
        return Array((text + "}").utf8)
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case _ where scalar.value < 0x20:
                let hex = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
