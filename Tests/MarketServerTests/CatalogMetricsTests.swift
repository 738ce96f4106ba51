import CoreMetrics
import Testing

@testable import MarketServer

@Suite("Metrics in Prometheus' text format")
struct CatalogMetricsTests {
    @Test("counters, gauges and histograms are written as Prometheus reads them, labels escaped")
    func text() {
        let registry = MetricsRegistry()
        Counter(label: "events.recorded", dimensions: [("source", "a\"b\\c\nd")], factory: registry).increment(by: 3)
        Counter(label: "events.recorded", dimensions: [("source", "a\"b\\c\nd")], factory: registry).increment()
        Recorder(label: "queue", dimensions: [], aggregate: false, factory: registry).record(2.5)
        let timer = Timer(label: "commit", dimensions: [], factory: registry)
        for milliseconds in [1, 3, 20_000] { timer.recordNanoseconds(Int64(milliseconds) * 1_000_000) }
        let text = registry.text([.init(name: "up", kind: .gauge, value: 1)])
        #expect(text.hasPrefix("# TYPE up gauge\nup 1\n"))
        #expect(text.contains("# TYPE events_recorded_total counter\nevents_recorded_total{source=\"a\\\"b\\\\c\\nd\"} 4\n"))
        #expect(text.contains("# TYPE queue gauge\nqueue 2.5\n"))
        #expect(text.contains("commit_seconds_bucket{le=\"0.001\"} 1\n") && text.contains("commit_seconds_bucket{le=\"0.005\"} 2\n"))
        #expect(text.contains("commit_seconds_bucket{le=\"10.0\"} 2\ncommit_seconds_bucket{le=\"+Inf\"} 3\n"))
        #expect(text.contains("commit_seconds_sum 20.004\ncommit_seconds_count 3\n"))
    }

    @Test("one name is of one kind: another kind under it is not mixed in")
    func kinds() {
        let registry = MetricsRegistry()
        Recorder(label: "queue", dimensions: [], aggregate: false, factory: registry).record(1)
        Recorder(label: "queue", dimensions: [("a", "b")], aggregate: true, factory: registry).record(1)
        #expect(registry.text([]).hasSuffix("# TYPE queue gauge\nqueue 1\n"))
    }
}
