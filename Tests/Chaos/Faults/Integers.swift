import Foundation
import MarketSchema
import PostgresCluster
import Yams

/// Integers at every limit, and what looks like one, in every numeric field that somebody outside can fill in. A trap in Swift ends the process.
enum Integers {
    /// As JSON has them, and as it must not have them.
    static let values: [String] = {
        // Each limit of a width, of a double's integers and of the rules (100 years, 2015), with its neighbours, both signs.
        let limits = [
            "32767", "65535", "2147483647", "4294967295", "1420070400000", "3153600000000", "9007199254740991", "9223372036854775806",
        ]
        let powers = ["18446744073709551615", "18446744073709551616", "340282366920938463463374607431768211456"]
        let near = ["9223372036854775807", "9223372036854775808", "9223372036854775809", "9223372036854775810"]
        let around =
            limits.flatMap { limit in [limit] + (Int64(limit).map { ["\($0 + 1)", "\($0 - 1)"] } ?? []) } + powers + near + ["0", "1", "2"]
        let digits = String(repeating: "9", count: 400)
        return around + around.map { "-\($0)" } + [
            digits, "-\(digits)", "0.\(digits)", "1\(String(repeating: "0", count: 399))", "-0.0", "0.0", "1.0", "1.5", "-1.5", "1e0",
            "1e3",
            "1E3", "1e+3", "1e-3", "9e18", "1e19", "-1e19", "1e308", "1e309", "-1e400", "1e-400", "1e9999999999999999999",
            "0e99999999999999999999", "9223372036854775807.0", "9223372036854775807.5", "9007199254740993.0", "00", "01", "-01", "+1", ".5",
            "5.",
            "1e", "--1", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "null", "true", "[]", "{}", "\"1\"", "\"\"",
            "\"9223372036854775808\"", "\"\(digits)\"", "１", " 1", "1 ",
        ]
    }()

    private static let senders = 24
    /// Times that a request is sent which is answered 503.
    private static let patience = 40
    /// Between two of them.
    private static let pause: Duration = .milliseconds(50)

    struct Request: Sendable {
        let method: String
        let path: String
        var token: String?
        var body: String?
        var type = "application/json"
        let what: String
    }

    static func play(_ options: Chaos) async throws -> [String] {
        try await Stage.with(options) { stage in
            let began = ContinuousClock.now
            let requests = try callbacks(stage) + backfills(stage) + bodies(stage) + parameters(stage)
            let server = try stage.process.pid
            let (answers, complaints) = await send(requests, stage)
            var all = complaints
            let now = try stage.process
            if !now.isRunning || now.pid != server { all.append("the server did not outlive the integers") }
            try await stage.untilReady()
            if let output = try await importing(stage) { all.append("market import: \(output.suffix(500))") }
            if let output = try await stage.verify() { all.append("market verify: \(output)") }
            let statuses = Dictionary(grouping: answers, by: \.self).mapValues(\.count).sorted { $0.key < $1.key }
            Report.say(
                "\(all.isEmpty ? "ok  " : "FAIL") integers: \(requests.count) requests, \(values.count) values, "
                    + "\(Set(requests.map(\.what)).count) fields, answers \(statuses.map { "\($0.key) ×\($0.value)" }.joined(separator: ", ")), "
                    + "seed \(options.number), \((ContinuousClock.now - began).inSeconds) s")
            return try await all + controls(Array(requests.prefix(senders)), stage)
        }
    }

    /// A server that answers 503 throughout, and one that is gone.
    private static func controls(_ requests: [Request], _ stage: Stage) async throws -> [String] {
        let cluster = stage.cluster
        try await Waiting.blocking { cluster.stop(.immediate) }
        let failing = try await Control.mustFail("a server that answers 503") { _ in await send(requests, stage).complaints }
        let gone = try await Control.mustFail("a server that an integer ended") { _ in
            try stage.process.signal(SIGKILL)
            _ = try await stage.process.ended(within: .seconds(10))
            return await send(requests, stage).complaints
        }
        return failing + gone
    }

    /// Sends all, some at a time; what was answered, and what is wrong with it.
    private static func send(_ requests: [Request], _ stage: Stage) async -> (statuses: [Int], complaints: [String]) {
        let rest = Shared(requests[...])
        let found = Shared((statuses: [Int](), complaints: [String]()))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<senders {
                group.addTask {
                    while let request = rest.withLock({ $0.popFirst() }) {
                        var answer: Stage.Answer?
                        // 503 says "later", with so many at once: it must not stay so.
                        for _ in 0..<patience {
                            answer = await stage.send(
                                request.method, request.path, token: request.token, body: request.body, type: request.type)
                            if answer?.status != 503 { break }
                            do { try await Task.sleep(for: pause) } catch { break }
                        }
                        found.withLock { [answer] found in
                            if let answer { found.statuses.append(answer.status) }
                            // A backfill answers 200 and says line by line what it could not take; a line that breaks off has no status.
                            if (answer?.status ?? 599) >= 500 {
                                let text = answer.map { "\($0.status) \($0.body.prefix(200))" } ?? "no answer"
                                found.complaints.append("\(request.what): \(request.path) \(request.body?.prefix(300) ?? ""): \(text)")
                            }
                        }
                    }
                }
            }
        }
        return found.withLock { $0 }
    }

    // MARK: What is sent

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
    private static func everything() -> [(what: String, fields: [(name: String, value: String)])] {
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

    private static func callbacks(_ stage: Stage) -> [Request] {
        everything().map { what, fields in
            Request(
                method: "POST", path: stage.market.inboundPath, body: #"{"action":"order_pay","data":\#(object(fields))}"#,
                what: "callback \(what)")
        }
    }

    /// As NDJSON, twenty lines a request.
    private static func backfills(_ stage: Stage) -> [Request] {
        let all = everything()
        return stride(from: 0, to: all.count, by: 20).map { start in
            Request(
                method: "POST", path: "/v1/payment-events", token: stage.market.apiKey,
                body: all[start..<min(start + 20, all.count)].map { object($0.fields) }.joined(separator: "\n"),
                type: "application/x-ndjson",
                what: "backfill \(all[start].what)")
        }
    }

    /// The same as a file of CSV, whose cells are what stands in the JSON, through `market import`; nil when it ended as it may.
    private static func importing(_ stage: Stage) async throws -> String? {
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

    /// Numbers in the bodies of the other routes.
    private static func bodies(_ stage: Stage) -> [Request] {
        let (topic, product) = (stage.market.topicId, stage.market.productIds[0])
        func productBody(_ addTime: String, _ amount: String, _ rest: String) -> String {
            #"{"name":"n","summary":"s","description":"d","contact":"c","resourceIds":[\#(topic)],"#
                + #""pricePlans":[{"name":"p","amount":\#(amount),"addTime":\#(addTime)}]\#(rest)}"#
        }
        return values.flatMap { value in
            let publisher = [
                ("/v1/entitlements/checks", #"{"resourceId":\#(value),"uids":["UID_a"]}"#, "checks resourceId"),
                ("/v1/entitlements/checks", #"{"resourceId":\#(topic),"uids":["UID_a"],"at":\#(value)}"#, "checks at"),
                ("/v1/entitlements/checks", #"{"resourceId":\#(topic),"uids":[\#(value)]}"#, "checks uids"),
                ("/v1/apps", #"{"name":"n","externalId":\#(value)}"#, "app externalId"),
                ("/v1/products", productBody(value, "50", ""), "product addTime"),
                ("/v1/products", productBody("1000", value, ""), "product amount"),
                ("/v1/products", productBody("1000", "50", #","externalId":\#(value)"#), "product externalId"),
                ("/v1/products", productBody("1000", "50", #","replaces":\#(value)"#), "product replaces"),
                ("/v1/quarantine/\(escaped(value))/replay", "{}", "quarantine replay"),
                ("/v1/quarantine/\(escaped(value))/dismissal", #"{"reason":"r"}"#, "quarantine dismissal"),
            ].map { Request(method: "POST", path: $0, token: stage.market.apiKey, body: $1, what: $2) }
            return publisher + [
                Request(
                    method: "POST", path: "/v1/products/\(product)/reviews", token: Stage.operatorToken,
                    body: #"{"decision":"approve","commissionBps":\#(value)}"#, what: "review commissionBps"),
                Request(
                    method: "POST", path: "/v1/products/\(escaped(value))/reviews", token: Stage.operatorToken,
                    body: #"{"decision":"approve","commissionBps":1}"#, what: "review productId"),
            ]
        }
    }

    /// Every parameter of every GET of the contract, in paths and in queries, numeric or not.
    private static func parameters(_ stage: Stage) throws -> [Request] {
        guard let contract = try Yams.load(yaml: Schema.contract) as? [String: Any], let paths = contract["paths"] as? [String: Any] else {
            throw ChaosError("openapi.yaml is no contract")
        }
        let shared = (contract["components"] as? [String: Any])?["parameters"] as? [String: Any] ?? [:]
        var requests: [Request] = []
        for (path, item) in paths.sorted(by: { $0.key < $1.key }) {
            guard let item = item as? [String: Any], let get = item["get"] as? [String: Any] else { continue }
            let named = ((item["parameters"] as? [Any] ?? []) + (get["parameters"] as? [Any] ?? [])).compactMap {
                any -> (String, String, Bool)? in
                guard var parameter = any as? [String: Any] else { return nil }
                if let reference = parameter["$ref"] as? String, let name = reference.split(separator: "/").last {
                    parameter = shared[String(name)] as? [String: Any] ?? [:]
                }
                guard let name = parameter["name"] as? String, let place = parameter["in"] as? String, place != "header" else { return nil }
                return (name, place, parameter["required"] as? Bool ?? false)
            }
            for (name, _, _) in named {
                for value in values {
                    var target = path
                    var query: [String] = []
                    for (other, place, isRequired) in named where other == name || isRequired {
                        let text = other == name ? escaped(value) : usual(other, stage.market)
                        if place == "path" { target = target.replacing("{\(other)}", with: text) } else { query.append("\(other)=\(text)") }
                    }
                    requests.append(
                        Request(
                            method: "GET", path: target + (query.isEmpty ? "" : "?" + query.joined(separator: "&")),
                            token: path == "/v1/publishers" ? Stage.operatorToken : stage.market.apiKey, what: "GET \(path) \(name)"))
                }
            }
        }
        // The contract has some thirty of them; none found would mean that it is read wrongly.
        guard requests.count > 20 * values.count else { throw ChaosError("openapi.yaml: \(requests.count) parameters found") }
        return requests
    }

    /// A value with which a required parameter finds something.
    private static func usual(_ name: String, _ market: Stage.DemoSeed) -> String {
        switch name {
        case "resourceId": "\(market.topicId)"
        case "appId": "\(market.appId)"
        case "productId", "prodId": "\(market.productIds[0])"
        case "uid": "UID_int1"
        default: "1"
        }
    }

    private static func escaped(_ text: String) -> String {
        String(decoding: text.utf8.flatMap { Array("%\(String(format: "%02X", $0))".utf8) }, as: UTF8.self)
    }
}
