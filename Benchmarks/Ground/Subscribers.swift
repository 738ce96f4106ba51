/// The subscribers of the demo history: `UID_demo0` to the highest that holds a window, and what is stored of them on the topic.
struct Subscribers {
    static let prefix = "UID_demo"
    let highest: Int
    /// The end of the paid time of each that holds a window.
    let payEndTimes: [String: Int64]

    init(of ground: Ground) throws {
        let text = try ground.psql(
            "select uid, pay_end_time from paid_window where resource_id = \(ground.secrets.topicId) and uid like '\(Self.prefix)%'")
        var (highest, payEndTimes) = (0, [String: Int64]())
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: "|")
            guard fields.count == 2, let number = Int(fields[0].dropFirst(Self.prefix.count)), let payEndTime = Int64(fields[1]) else {
                throw BenchError("no window: \(line)")
            }
            highest = max(highest, number)
            payEndTimes[String(fields[0])] = payEndTime
        }
        guard highest > 0 else { throw BenchError("no subscribers") }
        (self.highest, self.payEndTimes) = (highest, payEndTimes)
    }

    /// One of them for each number, spread over all: the same ones in each run, and without an order that an index would have.
    func uid(_ number: Int) -> String {
        let spread = UInt64(truncatingIfNeeded: number) &* 0x9E37_79B9_7F4A_7C15
        return "\(Self.prefix)\((spread >> 11) % UInt64(highest + 1))"
    }
}
