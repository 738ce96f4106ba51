import NIOCore

extension ByteBuffer {
    /// Sixteen digits.
    mutating func writeHexadecimal(_ number: UInt64) {
        writeWithUnsafeMutableBytes(minimumWritableBytes: 16) { bytes in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: number >> UInt64(60 - 4 * index)) & 0xF
                bytes[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return 16
        }
    }

    /// A number as it reads, without making a text of it.
    mutating func writeDecimal(_ number: some FixedWidthInteger) {
        // 2^64 has twenty digits.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var (index, rest) = (digits.count, UInt64(number.magnitude))
            repeat {
                index -= 1
                digits[index] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            if number < 0 { writeStaticString("-") }
            writeBytes(UnsafeRawBufferPointer(UnsafeMutableBufferPointer(rebasing: digits[index...])))
        }
    }
}
