import Foundation

/// order_pay messages with every integer in every field, by each route that takes them.
extension Integers {
    private static let fields = ["addTime", "amount", "appId", "createTime", "prodId", "type", "tradeNo", "uid", "payTradeNo"]

    /// A valid payment, or refund, with one or two fields replaced.
    private static func data(_ number: Int, isRefund: Bool, _ replaced: [String: String]) -> [(name: String, value: String)] {
        var all = [
            "addTime": isRefund ? "-1000" : "86400000", "amount": isRefund ? "-50" : "50", "appId": "\(Message.app)",
            "createTime": "\(1_600_000_000_000 + number)", "prodId": "\(Message.bundle)", "tradeNo": "\"INT-\(number)\"",
            "type": isRefund ? "2" : "1", "uid": "\"UID_int\(number % 100)\"",
        ]
        for (name, value) in replaced { all[name] = value }
        return all.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private static func object(_ fields: [(name: String, value: String)]) -> String {
        "{\(fields.map { #""\#($0.name)":\#($0.value)"# }.joined(separator: ","))}"
    }

    /// Every value in every field, of a payment and of a refund; and pairs of values in the two fields that are added up.
    static func everything() -> [(what: String, fields: [(name: String, value: String)])] {
        var all: [(String, [(name: String, value: String)])] = []
        for isRefund in [false, true] {
            for field in fields {
                for value in values { all.append((field, data(all.count, isRefund: isRefund, [field: value]))) }
            }
            let extremes = [
                "3153600000000", "9007199254740991", "9223372036854775807", "-9223372036854775808", "1420070400000", "-3153600000000",
            ]
            for addTime in extremes {
                for createTime in extremes {
                    all.append(
                        ("addTime and createTime", data(all.count, isRefund: isRefund, ["addTime": addTime, "createTime": createTime])))
                }
            }
        }
        // The longest time that a payment may add, many times over for one subscriber: the end of the window must not run over.
        for number in 0..<20 {
            all.append(
                (
                    "addTime, again and again",
                    data(all.count, isRefund: false, ["addTime": "3153600000000", "uid": "\"UID_rich\"", "amount": "\(number)"])
                ))
        }
        return all
    }

    static func callbacks(_ stage: Stage) -> [Request] {
        everything().map { what, fields in
            Request(
                method: "POST", path: stage.market.inboundPath, body: #"{"action":"order_pay","data":\#(object(fields))}"#,
                operation: "POST /v1/inbound/{inboundKey}", field: what)
        }
    }

    /// As NDJSON, twenty lines a request.
    static func backfills(_ stage: Stage) -> [Request] {
        let all = everything()
        return stride(from: 0, to: all.count, by: 20).map { start in
            Request(
                method: "POST", path: "/v1/payment-events", token: stage.market.apiKey,
                body: all[start..<min(start + 20, all.count)].map { object($0.fields) }.joined(separator: "\n"),
                type: "application/x-ndjson", operation: "POST /v1/payment-events", field: all[start].what)
        }
    }

    /// The same as a file of CSV, whose cells are what stands in the JSON, through `market import`; nil when it ended as it may.
    static func importing(_ stage: Stage) async throws -> String? {
        let all = everything()
        let file = stage.folder.appending(path: "integers.csv")
        for (name, cells) in Dictionary(grouping: all, by: { $0.fields.map(\.name) }) {
            let records = cells.map {
                $0.fields.map { "\"\($0.value.trimmingCharacters(in: ["\""]).replacing("\"", with: "\"\""))\"" }.joined(separator: ",")
            }
            try ([name.joined(separator: ",")] + records).joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
            if let output = try await stage.importFile(file) { return output }
        }
        return nil
    }
}
