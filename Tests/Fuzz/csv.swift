@testable import Billing

/// CSV of a backfill: what is written in any order of columns, quoted or not, is read back as it was; what is read of a stranger's line is read
/// the same way from the JSON in which it is kept.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCSV(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    if input.byte().isMultiple(of: 2) { readStranger(input.remainder()) } else { roundTrip(&input) }
    return 0
}

/// A header, maybe a bad one, and a line.
private func readStranger(_ bytes: [UInt8]) {
    let lines = bytes.split(separator: 0x0A, maxSplits: 1, omittingEmptySubsequences: false).map(Array.init)
    let header = lines.count == 2 ? lines[0] : Array(columns.joined(separator: ",").utf8)
    guard let csv = try? OrderPayCSV(header: header), let message = try? csv.message(lines[lines.count - 1]) else { return }
    keptAlike(message)
}

private func keptAlike(_ message: OrderPay) {
    guard case .success(let kept) = OrderPay.read(message.json) else {
        fatalError("does not hold: what is kept of a line can be read again")
    }
    require(
        kept == message && kept.uid.utf8.elementsEqual(message.uid.utf8) && kept.tradeNo.utf8.elementsEqual(message.tradeNo.utf8),
        "what is kept of a line says the same")
}

private let columns = ["addTime", "amount", "appId", "createTime", "prodId", "tradeNo", "type", "uid", "payTradeNo", "a column of theirs"]

private func roundTrip(_ input: inout FuzzInput) {
    func text(_ input: inout FuzzInput) -> String { "x" + String(decoding: input.bytes(), as: UTF8.self) }
    func number(_ input: inout FuzzInput) -> Int64 { max(-9_007_199_254_740_991, min(9_007_199_254_740_991, input.integer())) }
    let message = OrderPay(
        addTime: number(&input), amount: number(&input), appId: number(&input), createTime: number(&input), prodId: number(&input),
        tradeNo: text(&input), type: number(&input), uid: text(&input), payTradeNo: input.byte().isMultiple(of: 2) ? nil : text(&input))
    let fields = [
        "\(message.addTime)", "\(message.amount)", "\(message.appId)", "\(message.createTime)", "\(message.prodId)", message.tradeNo,
        "\(message.type)", message.uid, message.payTradeNo ?? "", text(&input),
    ]
    let first = Int(input.byte()) % columns.count
    let order = columns.indices.map { (first + $0) % columns.count }
    let quoteAll = input.byte().isMultiple(of: 2)
    func record(_ texts: [String]) -> [UInt8] { Array(order.map { written(texts[$0], quoteAll) }.joined(separator: ",").utf8) }
    guard let csv = try? OrderPayCSV(header: record(columns)) else { fatalError("does not hold: a header is read") }
    guard let read = try? csv.message(record(fields)) else { fatalError("does not hold: a record is read") }
    require(read == message && read.uid.utf8.elementsEqual(message.uid.utf8), "a record is read as it was written")
    keptAlike(read)
}

/// RFC 4180: quotes around what has a comma, quote or line end in it, and quotes inside doubled.
private func written(_ field: String, _ quoteAll: Bool) -> String {
    let special = field.unicodeScalars.contains { [",", "\"", "\n", "\r"].contains($0) }
    guard quoteAll || special else { return field }
    var quoted = "\""
    for scalar in field.unicodeScalars {
        if scalar == "\"" { quoted += "\"" }
        quoted.unicodeScalars.append(scalar)
    }
    return quoted + "\""
}
