/// What libFuzzer hands over, as bytes to be used up one after another: the first ones decide, the rest is the matter.
struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    init(_ pointer: UnsafePointer<UInt8>?, _ count: Int) {
        // A copy: what is read beyond it is found, for libFuzzer's own buffer may be larger.
        rest = Array(UnsafeBufferPointer(start: pointer, count: count))[...]
    }

    var isEmpty: Bool { rest.isEmpty }

    /// The next byte; 0 when all are used up, so that every input means something.
    mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

    /// One of the values, as the next byte has it.
    mutating func choice<Value>(of values: [Value]) -> Value { values[Int(byte()) % values.count] }

    /// The next bytes as an integer, biased to the edges where mistakes live.
    mutating func integer() -> Int64 {
        let edges: [Int64] = [
            0, 1, -1, .max, .min, 9_007_199_254_740_991, 9_007_199_254_740_992, -9_007_199_254_740_991, 3_153_600_000_000,
            -3_153_600_000_000,
            1_420_070_400_000, 1_664_118_481_675, 86_400_000, -86_400_000,
        ]
        let kind = byte()
        if kind < 0x60 { return edges[Int(kind) % edges.count] &+ Int64(Int8(bitPattern: byte())) }
        return (0..<8).reduce(0) { value, _ in value << 8 | Int64(byte()) }
    }

    /// Some of the next bytes: their number stands in front.
    mutating func bytes() -> [UInt8] { take(Int(byte())) }

    mutating func take(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    /// All that is left.
    mutating func remainder() -> [UInt8] { take(rest.count) }
}

/// Ends the process, which libFuzzer takes for a finding, unless the property holds. Unlike `precondition` it says what failed in an optimised build.
func require(_ holds: Bool, _ property: @autoclosure () -> String) {
    if !holds { fatalError("does not hold: \(property())") }
}
