import ProductCatalog
import Synchronization

/// The windows that this process wrote last, as it left them: what one holds need not be read before it is written again.
///
/// A guess, which each write holds against the database (`WindowState.update`). It is right as long as nobody else writes the same windows, or moves them;
/// where somebody does, a batch that relied on it is decided anew, and nothing is remembered for a while.
final class WindowMemory: Sendable {
    /// Windows that are remembered: 16 MB, taken from the system as they fill, and far more subscribers than pay in an hour.
    static let capacity = 1 << 18
    /// How long nothing is remembered after another process was met: where two share their subscribers most batches would meet it, and each that does is
    /// recorded twice. This way it is one a second.
    private static let silence = Duration.seconds(1)

    private struct Memory: ~Copyable {
        var table = WindowTable(capacity: capacity)
        var silentUntil = ContinuousClock.now
    }

    private let memory = Mutex(Memory())

    /// What is remembered of each of these windows, in their order; nil where nothing is.
    func windows(of keys: [WindowKey]) -> [PlacedWindow?] {
        let hashes = keys.map(\.hashValue)
        return memory.withLock { memory in hashes.map { memory.table[$0] } }
    }

    /// Takes in what was written, once it is committed.
    func remember(_ windows: [(key: WindowKey, window: PlacedWindow)]) {
        let hashes = windows.map { $0.key.hashValue }
        memory.withLock { memory in
            guard memory.silentUntil <= .now else { return }
            memory.table.getOlder()
            for (hash, window) in zip(hashes, windows) { memory.table.put(window.window, under: hash) }
        }
    }

    /// Forgets all: another process writes, too.
    func forget() {
        memory.withLock { memory in
            memory.table.forget()
            memory.silentUntil = .now + Self.silence
        }
    }
}
