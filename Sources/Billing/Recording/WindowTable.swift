import Foundation
import PGClient
import ProductCatalog

/// A hash table of fixed size that forgets what is oldest among the few neighbours that compete for a place.
///
/// Instead of a key it holds the key's hash, of 64 bits under a seed that nobody outside knows: should two keys ever share one, the write of the wrong
/// window is refused as any other that was remembered wrong, because the key is part of what is compared. So an entry is a line of the processor's cache and
/// nothing on the heap.
struct WindowTable: ~Copyable {
    private struct Entry {
        var hash: Int
        /// Age of the table when it was put, 0 where there is none.
        var born: Int
        var payEndTime, lastEventTime, plainSince: Int64
        var version: Int64
        var payments, unmatched: Int32
        var block: UInt32
        var number: UInt16
    }

    /// Places from that of its hash on where an entry may lie: with fewer, crowded neighbourhoods forget what is young while others have room.
    private static let neighbours = 8

    /// From calloc, which hands out pages that are zero and none of the machine's until they are written.
    private let entries: UnsafeMutablePointer<Entry>
    private let mask: Int
    private var age = 1
    /// What was born until then is forgotten.
    private var forgotten = 0

    /// - Parameter capacity: a power of two.
    init(capacity: Int) {
        precondition(capacity >= Self.neighbours && capacity & (capacity - 1) == 0, "the capacity is a power of two")
        // As every allocation of Swift's own ends where there is no memory: nobody could go on without it. It is asked for once, when a process begins.
        guard let memory = calloc(capacity, MemoryLayout<Entry>.stride) else { fatalError("out of memory") }
        entries = memory.bindMemory(to: Entry.self, capacity: capacity)
        mask = capacity - 1
    }

    deinit { free(entries) }

    /// What is put from now on is younger than all before.
    mutating func getOlder() { age += 1 }

    mutating func forget() {
        forgotten = age
        age += 1
    }

    subscript(hash: Int) -> PlacedWindow? {
        for step in 0..<Self.neighbours {
            let entry = entries[(hash &+ step) & mask]
            // An entry lies before the first free place, or nowhere.
            guard entry.born > forgotten else { return nil }
            guard entry.hash == hash else { continue }
            return PlacedWindow(
                state: WindowState(
                    payEndTime: Instant(milliseconds: entry.payEndTime), lastEventTime: Instant(milliseconds: entry.lastEventTime),
                    plainSince: Instant(milliseconds: entry.plainSince), payments: Int(entry.payments), unmatched: Int(entry.unmatched)),
                version: entry.version, place: RowPlace(block: entry.block, number: entry.number))
        }
        return nil
    }

    mutating func put(_ window: PlacedWindow, under hash: Int) {
        let state = window.state
        // The database holds no larger ones.
        guard let payments = Int32(exactly: state.payments), let unmatched = Int32(exactly: state.unmatched) else { return }
        entries[place(for: hash)] = Entry(
            hash: hash, born: age, payEndTime: state.payEndTime.milliseconds, lastEventTime: state.lastEventTime.milliseconds,
            plainSince: state.plainSince.milliseconds, version: window.version, payments: payments, unmatched: unmatched,
            block: window.place.block, number: window.place.number)
    }

    /// Its own, or the first free one, or that of the oldest neighbour.
    private func place(for hash: Int) -> Int {
        var oldest = hash & mask
        for step in 0..<Self.neighbours {
            let place = (hash &+ step) & mask
            if entries[place].born <= forgotten || entries[place].hash == hash { return place }
            if entries[place].born < entries[oldest].born { oldest = place }
        }
        return oldest
    }
}
