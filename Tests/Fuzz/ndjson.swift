import Billing
import ProductCatalog

/// Lines of a backfill: how the stream is chunked changes nothing, no byte is lost, and the payments that come of it fold to one window whatever
/// their order.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzNDJSON(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    let sizes = [Int(input.byte()) + 1, Int(input.byte()) * 7 + 1]
    let stream = inflated(input.remainder())

    // Long streams in chunks that are not tiny: more executions teach more.
    let lines = split(stream, chunks: sizes.map { max($0, stream.count / 64) })
    require(lines == split(stream, chunks: [stream.count + 1]), "chunks have no influence")
    let expected = reference(stream)
    require(lines.count == expected.count, "as many lines as line ends")
    for (index, (line, bytes)) in zip(lines, expected).enumerated() {
        require(line.number == index + 1, "lines are numbered from 1")
        // The return of a line's end is not counted.
        require(line.oversized == (withoutReturn(bytes).count > LineSplitter.limit), "a line is oversized beyond the limit, and only then")
        require(line.bytes == (line.oversized ? Array(bytes.prefix(LineSplitter.limit)) : withoutReturn(bytes)), "no byte is lost")
    }
    foldsAlike(lines)
    return 0
}

/// The first FF FE n stands for n KiB of spaces, so that a short input reaches the limit of a line. Once: each costs as much as a thousand short inputs.
private func inflated(_ bytes: [UInt8]) -> [UInt8] {
    guard let at = bytes.indices.dropLast(2).first(where: { bytes[$0] == 0xFF && bytes[$0 + 1] == 0xFE }) else { return bytes }
    let filler = [UInt8](repeating: 0x20, count: min(Int(bytes[at + 2]), 65) * 1_024)
    return bytes[..<at] + filler + bytes[(at + 3)...]
}

private func split(_ stream: [UInt8], chunks sizes: [Int]) -> [LineSplitter.Line] {
    var splitter = LineSplitter()
    var lines: [LineSplitter.Line] = []
    var rest = stream[...]
    var turn = 0
    while !rest.isEmpty {
        lines += splitter.lines(in: rest.prefix(sizes[turn % sizes.count]))
        rest = rest.dropFirst(sizes[turn % sizes.count])
        turn += 1
    }
    if let last = splitter.end() { lines.append(last) }
    return lines
}

/// The bytes between line ends; nothing behind the last one is no line.
private func reference(_ stream: [UInt8]) -> [[UInt8]] {
    var lines = stream.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
}

private func withoutReturn(_ line: [UInt8]) -> [UInt8] {
    line.last == 0x0D ? Array(line.dropLast()) : line
}

/// 2026-01-01: the verdict on an input must not change from day to day.
private let now = Instant(milliseconds: 1_767_225_600_000)

private func foldsAlike(_ lines: [LineSplitter.Line]) {
    var events: [PaymentEvent.Identity: PaymentEvent] = [:]
    for line in lines where !line.oversized {
        guard case .success(let message) = OrderPay.read(line.bytes),
            let event = try? PaymentEvent(message, product: MessageProduct.ID(rawValue: 9), now: now), events[event.identity] == nil
        else { continue }
        events[event.identity] = event
    }
    let forwards = events.values.sorted { $0.identity < $1.identity }
    let window = PaidWindow(folding: forwards)
    require(window == PaidWindow(folding: forwards.reversed() + forwards), "order and repetition have no influence")
    require(WindowState(folding: forwards).payEndTime == window.payEndTime, "the stored window is the fold's")
    require(
        window.runs.allSatisfy { $0.start < $0.end && $0.grants.allSatisfy { $0.left >= .zero && $0.left <= $0.addTime } },
        "grants hold what they were given at most")
}
