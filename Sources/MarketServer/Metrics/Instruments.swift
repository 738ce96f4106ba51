import CoreMetrics
import Synchronization

/// One series of a metric.
protocol Instrument: AnyObject, Sendable {
    func write(_ name: String, _ labels: Labels, to text: inout PrometheusText)
}

final class CounterSeries: Instrument, CounterHandler {
    private let count = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        // Saturates: a counter that overflows must not end the server.
        guard amount > 0 else { return }
        if count.add(amount, ordering: .relaxed).newValue < 0 { count.store(.max, ordering: .relaxed) }
    }

    func reset() { count.store(0, ordering: .relaxed) }

    func write(_ name: String, _ labels: Labels, to text: inout PrometheusText) {
        text.sample(name, labels, Double(count.load(ordering: .relaxed)))
    }
}

final class GaugeSeries: Instrument, MeterHandler, RecorderHandler {
    private let value = Mutex<Double>(0)

    func set(_ value: Int64) { set(Double(value)) }
    func set(_ value: Double) { self.value.withLock { $0 = value } }
    func increment(by amount: Double) { value.withLock { $0 += amount } }
    func decrement(by amount: Double) { value.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(Double(value)) }
    func record(_ value: Double) { set(value) }

    func write(_ name: String, _ labels: Labels, to text: inout PrometheusText) {
        text.sample(name, labels, value.withLock { $0 })
    }
}

final class HistogramSeries: Instrument, TimerHandler, RecorderHandler {
    /// From half a millisecond to ten seconds.
    static let seconds: [Double] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// For sizes and numbers of things.
    static let counts: [Double] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000]

    private struct State {
        var buckets: [Int]
        var count = 0
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: Mutex<State>

    init(bounds: [Double]) {
        self.bounds = bounds
        state = Mutex(State(buckets: Array(repeating: 0, count: bounds.count)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let index = bounds.firstIndex { value <= $0 }
        state.withLock { state in
            if let index { state.buckets[index] += 1 }
            state.count += 1
            state.sum += value
        }
    }

    func write(_ name: String, _ labels: Labels, to text: inout PrometheusText) {
        let state = state.withLock { $0 }
        var cumulated = 0
        for (bound, count) in zip(bounds, state.buckets) {
            cumulated += count
            text.sample(name + "_bucket", labels.adding("le", "\(bound)"), Double(cumulated))
        }
        text.sample(name + "_bucket", labels.adding("le", "+Inf"), Double(state.count))
        text.sample(name + "_sum", labels, state.sum)
        text.sample(name + "_count", labels, Double(state.count))
    }
}

/// How long requests take, by method, route and status. Apart from the registry, since every request looks its series up.
final class RequestDurations: Sendable {
    private struct Key: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    private let series = Mutex<[Key: HistogramSeries]>([:])

    func record(_ duration: Duration, method: String, route: String, status: Int) {
        let key = Key(method: method, route: route, status: status)
        let found = series.withLock { series in
            if let known = series[key] { return known }
            let new = HistogramSeries(bounds: HistogramSeries.seconds)
            series[key] = new
            return new
        }
        found.record(Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18)
    }

    /// Has a series counted elsewhere stand for these labels: for those who would look it up too often.
    func add(_ durations: HistogramSeries, method: String, route: String, status: Int) {
        series.withLock { $0[Key(method: method, route: route, status: status)] = durations }
    }

    func write(to text: inout PrometheusText) {
        let name = "http_server_request_duration_seconds"
        text.family(name, "histogram")
        let all = series.withLock { $0 }.map { (Labels([("method", $0.method), ("route", $0.route), ("status", "\($0.status)")]), $1) }
        for (labels, series) in all.sorted(by: { $0.0 < $1.0 }) { series.write(name, labels, to: &text) }
    }
}
