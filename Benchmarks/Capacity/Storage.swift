/// What the market takes on disk.
struct Storage {
    let events, windows: Double
    /// Bytes with all indexes.
    let eventBytes, windowBytes: Double
    /// Where the write-ahead log ends.
    let log: Double

    /// What is stored may be other than predicted by so much, in per cent.
    private static let limit = 20.0

    init(_ ground: Ground) throws {
        let numbers = try ground.psql(
            """
            select (select count(*) from payment_event), (select count(*) from paid_window), pg_total_relation_size('payment_event'),
                pg_total_relation_size('paid_window'), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')
            """
        ).split(separator: "|").compactMap { Double($0) }
        guard numbers.count == 5, numbers[0] > 0, numbers[1] > 0 else { throw BenchError("no events or windows are stored") }
        (events, windows, eventBytes, windowBytes, log) = (numbers[0], numbers[1], numbers[2], numbers[3], numbers[4])
    }

    private var bytesOfEvent: Double { eventBytes / events }
    private var bytesOfWindow: Double { windowBytes / windows }
    private var windowsOfEvent: Double { windows / events }

    /// What a year leaves, from what the imported history took: bytes of events and of the windows that they opened.
    ///
    /// - Parameter payments: what was stored before and after payments that came one by one; they say what each writes to the log.
    func showYears(payments: (before: Storage, after: Storage)) {
        let log = (payments.after.log - payments.before.log) / (payments.after.events - payments.before.events)
        say(
            """
            storage, from the import: \(two(bytesOfEvent)) bytes an event with its indexes, \(two(bytesOfWindow)) a window, \
            \(two(windowsOfEvent)) windows an event; \(two(log)) bytes of write-ahead log a payment
            """)
        for payments in [10_000, 100_000, 1_000_000] {
            let year = Double(payments) * 365 * (bytesOfEvent + windowsOfEvent * bytesOfWindow) / 1e9
            say(
                "    \(payments) payments a day: \(two(year)) GB a year, \(two(Double(payments) * log / 1e9)) GB of write-ahead log a day")
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
