/// The subscribers of the demo history: `UID_demo0` to the highest that holds a window.
struct Subscribers {
    static let prefix = "UID_demo"
    let highest: Int

    init(of ground: Ground) throws {
        let text = try ground.psql(
            "select coalesce(max(substr(uid, \(Self.prefix.count + 1))::bigint), 0) from paid_window where uid like '\(Self.prefix)%'")
        guard let highest = Int(text), highest > 0 else { throw BenchError("no subscribers: \(text)") }
        self.highest = highest
    }
}
