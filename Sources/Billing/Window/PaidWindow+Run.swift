import ProductCatalog

extension PaidWindow {
    /// What one payment bought, and how much of it refunds have left.
    public struct Grant: Equatable, Sendable {
        public let tradeNumber: TradeNumber
        public let productID: MessageProduct.ID
        public let addTime: TimeSpan
        public fileprivate(set) var left: TimeSpan
    }

    /// Paid time without a gap.
    public struct Run: Equatable, Sendable {
        public let start: Instant
        public private(set) var end: Instant
        /// In the order in which they count.
        public private(set) var grants: [Grant] = []
        /// Made for the first refund.
        private var index: GrantIndex?

        init(startedBy payment: PaymentEvent) {
            start = payment.createTime
            end = payment.createTime
            append(payment)
        }

        public static func == (left: Run, right: Run) -> Bool {
            left.start == right.start && left.end == right.end && left.grants == right.grants
        }

        mutating func append(_ payment: PaymentEvent) {
            index?.add(payment.tradeNumber, at: grants.count)
            grants.append(
                Grant(tradeNumber: payment.tradeNumber, productID: payment.productID, addTime: payment.addTime, left: payment.addTime))
            end = end + payment.addTime
        }

        /// Takes time back from the grant of a trade, what is left of it at most; nil when that is nothing.
        mutating func take(_ time: TimeSpan, from trade: TradeNumber) -> Taken? {
            index = index ?? GrantIndex(grants)
            guard let place = index?.place(of: trade) else { return nil }
            let taken = take(time, at: place)
            return taken.time > .zero ? taken : nil
        }

        /// Takes time back from whatever there is, the newest grants first.
        mutating func take(_ time: TimeSpan) -> [Taken] {
            index = index ?? GrantIndex(grants)
            var rest = time
            var all: [Taken] = []
            while rest > .zero, let place = index?.newest {
                let taken = take(rest, at: place)
                if grants[place].left == .zero { index?.dropNewest() }
                guard taken.time > .zero else { continue }
                rest = TimeSpan(milliseconds: rest.milliseconds - taken.time.milliseconds)
                all.append(taken)
            }
            return all
        }

        private mutating func take(_ time: TimeSpan, at place: Int) -> Taken {
            let taken = min(grants[place].left, time)
            grants[place].left = TimeSpan(milliseconds: grants[place].left.milliseconds - taken.milliseconds)
            end = end + TimeSpan(milliseconds: -taken.milliseconds)
            return Taken(tradeNumber: grants[place].tradeNumber, time: taken)
        }
    }

    /// Where the grants of a run stand. A subscriber may have a hundred thousand, and as many refunds: none looks through all grants.
    private struct GrantIndex: Sendable {
        private var places: [TradeNumber: Int] = [:]
        /// Those that may have time left, the newest last.
        private var unspent: [Int] = []

        init(_ grants: [Grant]) {
            for (place, grant) in grants.enumerated() { add(grant.tradeNumber, at: place) }
        }

        /// Behind all others.
        mutating func add(_ trade: TradeNumber, at place: Int) {
            places[trade] = place
            unspent.append(place)
        }

        func place(of trade: TradeNumber) -> Int? { places[trade] }

        var newest: Int? { unspent.last }

        mutating func dropNewest() { unspent.removeLast() }
    }
}
