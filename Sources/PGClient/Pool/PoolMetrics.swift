/// A reading of the pool.
public struct PoolMetrics: Sendable, Equatable {
    /// Connections that are open or being made.
    public var open = 0
    public var idle = 0
    public var waiting = 0
    /// Since the start:
    public var acquired = 0
    public var connected = 0
    public var connectFailures = 0
    public var timeouts = 0
    public var refused = 0
}

extension PoolMetrics {
    /// Of two pools together.
    public static func + (one: PoolMetrics, other: PoolMetrics) -> PoolMetrics {
        var sum = one
        for number in [\PoolMetrics.open, \.idle, \.waiting, \.acquired, \.connected, \.connectFailures, \.timeouts, \.refused] {
            sum[keyPath: number] += other[keyPath: number]
        }
        return sum
    }
}
