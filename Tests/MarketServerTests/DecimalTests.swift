import NIOCore
import Testing

@testable import MarketServer

@Suite("Numbers written into a buffer")
struct DecimalTests {
    @Test(
        "a number reads as Swift writes it, also at the ends of its range",
        arguments: [0, 1, 9, 10, 99, 1_700_000_000_000, -1, -10, .max, .min] as [Int64])
    func decimals(_ number: Int64) {
        var buffer = ByteBuffer()
        buffer.writeDecimal(number)
        #expect(String(buffer: buffer) == "\(number)")
    }

    @Test("the largest number of twenty digits")
    func largest() {
        var buffer = ByteBuffer()
        buffer.writeDecimal(UInt64.max)
        #expect(String(buffer: buffer) == "18446744073709551615")
    }
}
