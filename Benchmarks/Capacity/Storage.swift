/// What the market takes on disk.
struct Storage {
    let events, windows: Double
    /// Bytes with all indexes.
    let eventBytes, windowBytes: Double
    /// Bytes of write-ahead log written so far, and how many images of whole pages are among them.
    let log, images: Double

    /// Of an image of a page, at the most.
    private static let page = 8_192.0

    /// What is stored may be other than predicted by so much, in per cent.
    private static let limit = 20.0

    init(_ ground: Ground) throws {
        let numbers = try ground.psql(
            """
            select (select count(*) from payment_event), (select count(*) from paid_window), pg_total_relation_size('payment_event'),
                pg_total_relation_size('paid_window'), (select wal_bytes from pg_stat_wal), (select wal_fpi from pg_stat_wal)
            """
        ).split(separator: "|").compactMap { Double($0) }
        guard numbers.count == 6, numbers[0] > 0, numbers[1] > 0 else { throw BenchError("no events or windows are stored") }
        (events, windows, eventBytes, windowBytes) = (numbers[0], numbers[1], numbers[2], numbers[3])
        (log, images) = (numbers[4], numbers[5])
    }

    private var bytesOfEvent: Double { eventBytes / events }
    private var bytesOfWindow: Double { windowBytes / windows }
    private var windowsOfEvent: Double { windows / events }

    /// What a year leaves, from what the imported history took: bytes of events and of the windows that they opened.
    ///
    /// - Parameter payments: what was stored before and after payments that came one by one; they say what each writes to the log. The first change of
    ///   a page after a checkpoint writes the whole page: where checkpoints are many and payments few, each payment of somebody else does.
    func showYears(payments: (before: Storage, after: Storage)) {
        let (before, after) = payments
        let records = (after.log - before.log - (after.images - before.images) * Self.page) / (after.events - before.events)
        let least = max(0, records)
        say(
            """
            storage, from the import: \(two(bytesOfEvent)) bytes an event with its indexes, \(two(bytesOfWindow)) a window, \
            \(two(windowsOfEvent)) windows an event; from \(two(least)) bytes of write-ahead log a payment (thousands a second) to \
            \(two(least + Self.page)) (each the first one of its page after a checkpoint)
            """)
        for payments in [10_000, 100_000, 1_000_000] {
            let year = Double(payments) * 365 * (bytesOfEvent + windowsOfEvent * bytesOfWindow) / 1e9
            let logs = [least, least + Self.page].map { "\(two(Double(payments) * $0 / 1e9))" }
            say("    \(payments) payments a day: \(two(year)) GB a year, \(logs.joined(separator: " to ")) GB of write-ahead log a day")
        }
    }

    /// Holds what payments added to what an event and a window took in the import.
    func check(growthFrom before: Storage, to after: Storage) -> Bound {
        let predicted = (after.events - before.events) * bytesOfEvent + (after.windows - before.windows) * bytesOfWindow
        let measured = after.eventBytes - before.eventBytes + after.windowBytes - before.windowBytes
        return Bound(
            what: "capacity: storage of \(Int(after.events - before.events)) payments, predicted \(two(predicted / 1e6)) MB, measured "
                + "\(two(measured / 1e6)) MB: off by",
            value: abs(predicted - measured) / measured * 100, limit: Self.limit, unit: "%")
    }
}
