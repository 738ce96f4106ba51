import PGClient
import Synchronization

/// The windows that this process wrote last, as it left them: what one holds need not be read before it is written again.
///
/// A guess, which each write holds against the database (`WindowState.update`). It is right as long as nobody else writes the same windows, or moves them;
/// where somebody does, a batch that relied on it is decided anew, and nothing is remembered for a while.
final class WindowMemory: Sendable {
    /// All but the key, which is the dictionary's.
    private struct Entry {
        let state: WindowState
        let version: Int64
        let place: RowPlace
    }

    /// Two halves by age: a window that is written goes to the younger one, and when that is full the older one is forgotten.
    private struct Memory {
        var young: [WindowKey: Entry] = [:]
        var old: [WindowKey: Entry] = [:]
        var silentUntil = ContinuousClock.Instant.now
    }

    /// Windows of one half: what a hash table of 32,768 places holds, which are 3 MB and the uids that are longer than 15 letters.
    private static let half = 24_576
    /// How long nothing is remembered after another process was met: where two share their subscribers most batches would meet it, and each that does is
    /// recorded twice. This way it is one a second.
    private static let silence = Duration.seconds(1)

    private let memory = Mutex(Memory())

    /// Those of the windows that are remembered.
    func windows(of keys: [WindowKey]) -> [WindowKey: PlacedWindow] {
        var found: [WindowKey: PlacedWindow] = [:]
        memory.withLock { memory in
            if memory.young.isEmpty { return }
            found.reserveCapacity(keys.count)
            for key in keys {
                guard let entry = memory.young[key] ?? memory.old[key] else { continue }
                found[key] = PlacedWindow(StoredWindow(key: key, state: entry.state, version: entry.version), at: entry.place)
            }
        }
        return found
    }

    /// Takes in what was written, once it is committed.
    func remember(_ windows: [PlacedWindow]) {
        memory.withLock { memory in
            guard !windows.isEmpty, memory.silentUntil <= .now else { return }
            if memory.young.count + windows.count > Self.half {
                // The room of both is kept: tables that grow and go, again and again, leave the heap in pieces.
                swap(&memory.young, &memory.old)
                memory.young.removeAll(keepingCapacity: true)
            }
            if memory.young.isEmpty { memory.young.reserveCapacity(Self.half) }
            // All of a batch, unless its products bundle dozens of resources each.
            for placed in windows.prefix(Self.half) {
                let window = placed.window
                memory.young[window.key] = Entry(state: window.state, version: window.version, place: placed.place)
            }
        }
    }

    /// Forgets all: another process writes, too.
    func forget() {
        memory.withLock { memory in
            memory.young.removeAll(keepingCapacity: true)
            memory.old.removeAll(keepingCapacity: true)
            memory.silentUntil = .now + Self.silence
        }
    }
}
