import Foundation
import PGClient

extension MetricsRegistry.Reading {
    /// What is known of the process, by the names that Prometheus' own client libraries use.
    static func process(startedAt: Date) -> [Self] {
        var readings = [Self(name: "process_start_time_seconds", kind: .gauge, value: startedAt.timeIntervalSince1970)]
        if let resident = residentBytes() { readings.append(Self(name: "process_resident_memory_bytes", kind: .gauge, value: resident)) }
        return readings
    }

    /// What is known of the pool of database connections.
    static func pool(_ pool: PoolMetrics) -> [Self] {
        [
            Self(name: "database_connections_open", kind: .gauge, value: Double(pool.open)),
            Self(name: "database_connections_idle", kind: .gauge, value: Double(pool.idle)),
            Self(name: "database_connection_waiters", kind: .gauge, value: Double(pool.waiting)),
            Self(name: "database_connections_lent_total", kind: .counter, value: Double(pool.acquired)),
            Self(name: "database_connections_made_total", kind: .counter, value: Double(pool.connected)),
            Self(name: "database_connection_failures_total", kind: .counter, value: Double(pool.connectFailures)),
            Self(name: "database_connection_timeouts_total", kind: .counter, value: Double(pool.timeouts)),
            Self(name: "database_connection_refusals_total", kind: .counter, value: Double(pool.refused)),
        ]
    }

    /// Memory that the process holds; nil where the system has no /proc.
    private static func residentBytes() -> Double? {
        guard let statm = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else { return nil }
        let fields = statm.split(separator: " ")
        guard fields.count > 1, let pages = Double(fields[1]) else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }
}
