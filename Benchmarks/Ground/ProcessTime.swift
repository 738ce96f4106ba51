import Foundation

/// Processor time that processes have used, in seconds, as Linux counts it (proc(5), stat: fields 14 to 17, in ticks of 10 ms).
///
/// Steadier than the clock on the wall where other programs want the processors too.
enum ProcessTime {
    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// Of one process, all its threads, and of those of its children that have ended.
    static func of(_ pid: Int32) throws -> Double {
        try fields(pid).reduce(0, +) / ticksPerSecond
    }

    /// Of a process and of all that descend from it, the ended ones too.
    static func ofTree(_ root: Int32) throws -> Double {
        var children: [Int32: [Int32]] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: "/proc") {
            guard let pid = Int32(name), let parent = parent(of: pid) else { continue }
            children[parent, default: []].append(pid)
        }
        var total = 0.0
        var next = [root]
        while let pid = next.popLast() {
            // One that has ended meanwhile is counted by its parent.
            total += (try? of(pid)) ?? 0
            next += children[pid] ?? []
        }
        return total
    }

    /// Of this process, all its threads, to the microsecond.
    static func ofSelf() -> Double { usage(RUSAGE_SELF) }

    /// Of the children of this process that have ended.
    static func ofEndedChildren() -> Double { usage(RUSAGE_CHILDREN) }

    private static func usage(_ whose: __rusage_who) -> Double {
        var usage = rusage()
        let answer = getrusage(Int32(truncatingIfNeeded: whose.rawValue), &usage)
        precondition(answer == 0, "a process can always ask for its own use")
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    /// That nobody has used, of all processors together since the machine started (proc(5), stat: idle and iowait).
    static func ofNobody() throws -> Double {
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        let fields = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard fields.count > 4 else { throw BenchError("cannot read /proc/stat") }
        return (fields[3] + fields[4]) / ticksPerSecond
    }

    /// What the process holds in memory now and held at most, in MiB (VmRSS and VmHWM of proc(5), status).
    static func memory(of pid: Int32) throws -> (now: Double, most: Double) {
        let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        func value(_ name: String) -> Double {
            let line = text.split(separator: "\n").first { $0.hasPrefix(name) } ?? ""
            return (Double(line.filter(\.isNumber)) ?? .nan) / 1024
        }
        return (value("VmRSS:"), value("VmHWM:"))
    }

    /// utime, stime, cutime, cstime.
    private static func fields(_ pid: Int32) throws -> [Double] {
        let parts = try afterName(pid)
        return parts[11...14].compactMap { Double($0) }
    }

    private static func parent(of pid: Int32) -> Int32? {
        (try? afterName(pid)).flatMap { Int32($0[1]) }
    }

    /// The fields of stat from the third on: the second, the name, may hold spaces and ends at the last parenthesis.
    private static func afterName(_ pid: Int32) throws -> [Substring] {
        let text = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        guard let end = text.lastIndex(of: ")") else { throw BenchError("cannot read /proc/\(pid)/stat") }
        return text[text.index(end, offsetBy: 2)...].split(separator: " ")
    }
}

/// Why a measurement is none.
struct BenchError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
