import Foundation

/// Two planted mistakes, which the fuzzer must find: one that finds neither would find nothing elsewhere. `CONTROL` tells which.
private let overread = ProcessInfo.processInfo.environment["CONTROL"] == "overread"

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzControl(_ pointer: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(pointer, count)
    guard input.take(4) == Array("FEN!".utf8) else { return 0 }
    if overread {
        // One byte more than was asked for: what AddressSanitizer is there to see.
        let cell = UnsafeMutableRawPointer.allocate(byteCount: 8, alignment: 8)
        defer { cell.deallocate() }
        sink = cell.load(fromByteOffset: Int(input.byte() % 9), as: UInt8.self)
    } else {
        // 100 + 100 is more than a byte holds, which Swift traps.
        sink = input.byte() + 100
    }
    return 0
}

/// Public, so that the optimiser must think that somebody reads it.
nonisolated(unsafe) public var sink: UInt8 = 0
