/// The rules of the paid window once more, written as differently as possible from the program's: every millisecond-grant is a row of one table, and
/// each question is answered by looking through all of it. Slow, and nothing to share a mistake with, not even a type.
public enum ReferenceFold {
    /// A payment or a refund of one subscriber, as it was sent.
    public struct Event: Sendable, Equatable {
        public var isRefund: Bool
        public var trade: String
        /// The payment that a refund names beside its own trade number; nil when it names none.
        public var payTrade: String?
        /// ms since 1970.
        public var createTime: Int64
        /// ms; zero or less on a refund.
        public var addTime: Int64

        public init(isRefund: Bool, trade: String, payTrade: String?, createTime: Int64, addTime: Int64) {
            self.isRefund = isRefund
            self.trade = trade
            self.payTrade = payTrade
            self.createTime = createTime
            self.addTime = addTime
        }

        var named: String { payTrade ?? trade }

        func isSame(as other: Event) -> Bool {
            isRefund == other.isRefund && trade == other.trade && (!isRefund || createTime == other.createTime)
        }
    }

    private struct Row {
        let run: Int
        let runStart: Int64
        let trade: String
        var left: Int64
    }

    /// The end of the window that these events make, in ms since 1970, in whatever order and however often they were delivered; 0 for none.
    public static func payEndTime(_ delivered: [Event]) -> Int64 {
        var events: [Event] = []
        for event in delivered where !events.contains(where: { $0.isSame(as: event) }) { events.append(event) }
        func paymentTime(_ trade: String) -> Int64? {
            events.first { !$0.isRefund && $0.trade == trade }?.createTime
        }
        func sortKey(_ event: Event) -> (Int64, Int, String, Int64) {
            let named = event.isRefund ? paymentTime(event.named) ?? event.createTime : event.createTime
            return (max(event.createTime, named), event.isRefund ? 2 : 1, event.trade, event.createTime)
        }
        var rows: [Row] = []
        var runs = 0
        func lastRun() -> Int? { rows.filter { $0.left > 0 }.map(\.run).max() }
        func end(_ run: Int) -> Int64 { rows.filter { $0.run == run }.reduce(rows.first { $0.run == run }?.runStart ?? 0) { $0 + $1.left } }

        for event in events.sorted(by: { sortKey($0) < sortKey($1) }) {
            let last = lastRun()
            guard event.isRefund else {
                if let last, event.createTime <= end(last) {
                    let start = rows.first { $0.run == last }?.runStart ?? event.createTime
                    rows.append(Row(run: last, runStart: start, trade: event.trade, left: event.addTime))
                } else {
                    runs += 1
                    rows.append(Row(run: runs, runStart: event.createTime, trade: event.trade, left: event.addTime))
                }
                continue
            }
            guard let last else { continue }
            var back = -event.addTime
            let known = paymentTime(event.named) != nil
            for index in rows.indices.reversed() where rows[index].run == last && (!known || rows[index].trade == event.named) {
                let taken = min(back, rows[index].left)
                rows[index].left -= taken
                back -= taken
            }
        }
        return lastRun().map(end) ?? 0
    }
}
