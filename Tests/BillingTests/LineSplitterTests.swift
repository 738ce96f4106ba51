import Testing

@testable import Billing

@Suite("Lines of a stream")
struct LineSplitterTests {
    /// Thousands of lines are under way at once, so what one takes is not to depend on those before it.
    @Test(
        "a line takes the memory of its own bytes, whichever lines came before and however they are chunked", arguments: [7, 300, 100_000])
    func memory(chunk: Int) {
        let text =
            String(repeating: "x", count: LineSplitter.limit - 1) + "\r\n"
            + String(repeating: String(repeating: "y", count: 200) + "\n", count: 1_000)
        let bytes = Array(text.utf8)
        var splitter = LineSplitter()
        var lines: [LineSplitter.Line] = []
        for start in stride(from: 0, to: bytes.count, by: chunk) {
            lines += splitter.lines(in: bytes[start..<min(start + chunk, bytes.count)])
        }
        #expect(lines.map(\.bytes.count) == [LineSplitter.limit - 1] + Array(repeating: 200, count: 1_000))
        #expect(splitter.end() == nil)
        // An array has at least as many as were asked for, and what its allocation has on top.
        #expect(lines.dropFirst().allSatisfy { $0.bytes.capacity < 300 }, "\(lines.map(\.bytes.capacity).max() ?? 0) bytes")
    }
}
