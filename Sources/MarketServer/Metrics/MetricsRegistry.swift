import CoreMetrics
import Synchronization

/// The server's backend of swift-metrics: keeps counters, gauges and histograms in memory and writes them in Prometheus' text format.
final class MetricsRegistry: MetricsFactory, Sendable {
    /// What one name is made of: a series for each set of labels.
    private struct Family {
        let kind: Kind
        var series: [Labels: any Instrument] = [:]
    }

    enum Kind: String {
        case counter
        case gauge
        case histogram
    }

    /// Labels come from the program, not from callers, so that there are few; past this nothing new is kept.
    private static let maxSeries = 10_000

    private let families = Mutex<[String: Family]>([:])
    let requests = RequestDurations()

    private func instrument<New: Instrument>(_ name: String, _ dimensions: [(String, String)], _ kind: Kind, _ make: () -> New) -> New {
        families.withLock { families in
            var family = families[name] ?? Family(kind: kind)
            let labels = Labels(dimensions)
            if let known = family.series[labels] as? New { return known }
            let new = make()
            guard family.kind == kind, family.series[labels] == nil, families.values.reduce(0, { $0 + $1.series.count }) < Self.maxSeries
            else {
                return new
            }
            family.series[labels] = new
            families[name] = family
            return new
        }
    }

    private func remove(_ handler: AnyObject) {
        families.withLock { families in
            families = families.mapValues { family in
                Family(kind: family.kind, series: family.series.filter { $0.value !== handler })
            }
        }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(PrometheusText.name(label, suffix: "_total"), dimensions, .counter, CounterSeries.init)
    }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(PrometheusText.name(label), dimensions, .gauge, GaugeSeries.init)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        guard aggregate else { return instrument(PrometheusText.name(label), dimensions, .gauge, GaugeSeries.init) }
        return instrument(PrometheusText.name(label), dimensions, .histogram) { HistogramSeries(bounds: HistogramSeries.counts) }
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(PrometheusText.name(label, suffix: "_seconds"), dimensions, .histogram) {
            HistogramSeries(bounds: HistogramSeries.seconds)
        }
    }

    func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// All that is known now, after the readings that are taken for this answer.
    func text(_ readings: [Reading]) -> String {
        var text = PrometheusText()
        for reading in readings {
            text.family(reading.name, reading.kind.rawValue)
            text.sample(reading.name, Labels([]), reading.value)
        }
        requests.write(to: &text)
        let families = families.withLock { $0 }
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text.family(name, family.kind.rawValue)
            for (labels, series) in family.series.sorted(by: { $0.key < $1.key }) { series.write(name, labels, to: &text) }
        }
        return text.text
    }

    /// A value that is looked up when it is asked for.
    struct Reading {
        let name: String
        let kind: Kind
        let value: Double
    }
}
