/// An amount and the time that it buys.
public struct PricePlan: Sendable {
    public typealias ID = Identifier<PricePlan>

    public let id: ID
    public let name: String
    public let amount: Money
    public let addTime: TimeSpan

    public struct Draft: Sendable, Equatable {
        public let name: String
        public let amount: Money
        public let addTime: TimeSpan

        public init(name: String, amount: Money, addTime: TimeSpan) {
            self.name = name
            self.amount = amount
            self.addTime = addTime
        }

        func check(_ check: inout FieldCheck, at pointer: String) {
            check.text(name, pointer + "/name", length: 1...50)
            check.require((1...100_000_000).contains(amount.fen), pointer + "/amount", "1 to 100000000 fen")
            check.require(
                (1...TimeSpan.longest.milliseconds).contains(addTime.milliseconds), pointer + "/addTime",
                "1 to 3153600000000 ms (100 years)")
        }
    }
}
