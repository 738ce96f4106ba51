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
    private let name: String
    private let handle: FileHandle

    /// - Throws: `CommandFailure` that names the file when it cannot be read.
    init(_ path: String?) throws(CommandFailure) {
        guard let path, path != "-" else {
            name = "standard input"
            handle = .standardInput
            size = nil
            return
        }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure("cannot read \(path)", code: errno) }
        name = path
        handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        // A pipe has no end that could be looked for.
        let end = lseek(descriptor, 0, SEEK_END)
        size = end > 0 ? Int(end) : nil
        if end > 0 { lseek(descriptor, 0, SEEK_SET) }
    }

    var chunks: Chunks { Chunks(name: name, handle: handle, position: position) }

    struct Chunks: AsyncSequence, Sendable {
        let name: String
        let handle: FileHandle
        let position: Position

        struct Iterator: AsyncIteratorProtocol {
            let name: String
            let handle: FileHandle
            let position: Position

            /// 256 KiB: some thousand events.
            ///
            /// - Throws: `CommandFailure` that names the file; `CancellationError` within a fifth of a second, however long nothing comes.
            mutating func next() async throws -> [UInt8]? {
                try waitForBytes()
                // Not `read(upToCount:)`, which waits until a pipe has filled the whole of it.
                var buffer = [UInt8](repeating: 0, count: 262_144)
                let count = read(handle.fileDescriptor, &buffer, buffer.count)
                guard count >= 0 else { throw CommandFailure("cannot read \(name)", code: errno) }
                guard count > 0 else { return nil }
                buffer.removeLast(buffer.count - count)
                position.advance(count)
                return buffer
            }

            private func waitForBytes() throws {
                var waited = pollfd(fd: handle.fileDescriptor, events: Int16(POLLIN), revents: 0)
                repeat { try Task.checkCancellation() } while poll(&waited, 1, 200) == 0
            }
        }

        func makeAsyncIterator() -> Iterator {
            Iterator(name: name, handle: handle, position: position)
        }
    }
}
