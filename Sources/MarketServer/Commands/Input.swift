import ArgumentParser
import Foundation
import Synchronization

/// A file or standard input, read in chunks as they are asked for.
struct Input: Sendable {
    /// Bytes read so far, for the progress bar.
    final class Position: Sendable {
        private let bytes = Atomic(0)
        var done: Int { bytes.load(ordering: .relaxed) }
        func advance(_ count: Int) { bytes.add(count, ordering: .relaxed) }
    }

    /// Bytes in all; nil for a stream.
    let size: Int?
    let position = Position()
    private let handle: FileHandle

    /// - Throws: `ValidationError` when the file cannot be read.
    init(_ path: String?) throws {
        guard let path, path != "-" else {
            handle = .standardInput
            size = nil
            return
        }
        guard let opened = FileHandle(forReadingAtPath: path) else { throw ValidationError("cannot read \(path)") }
        handle = opened
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        size = (attributes[.size] as? NSNumber)?.intValue
    }

    var chunks: Chunks { Chunks(handle: handle, position: position) }

    struct Chunks: AsyncSequence, Sendable {
        let handle: FileHandle
        let position: Position

        struct Iterator: AsyncIteratorProtocol {
            let handle: FileHandle
            let position: Position

            /// 256 KiB: some thousand events.
            mutating func next() async throws -> [UInt8]? {
                // Not `read(upToCount:)`, which waits until a pipe has filled the whole of it.
                var buffer = [UInt8](repeating: 0, count: 262_144)
                let count = read(handle.fileDescriptor, &buffer, buffer.count)
                guard count >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
                guard count > 0 else { return nil }
                buffer.removeLast(buffer.count - count)
                position.advance(count)
                return buffer
            }
        }

        func makeAsyncIterator() -> Iterator {
            Iterator(handle: handle, position: position)
        }
    }
}
