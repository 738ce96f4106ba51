/// Writes Prometheus' text format, version 0.0.4.
struct PrometheusText {
    private(set) var text = ""

    mutating func family(_ name: String, _ kind: String) {
        text += "# TYPE \(name) \(kind)\n"
    }

    mutating func sample(_ name: String, _ labels: Labels, _ value: Double) {
        let number = value.rounded() == value && value.magnitude < 9e15 ? "\(Int64(value))" : "\(value)"
        text += "\(name)\(labels.text) \(number)\n"
    }

    /// A label of swift-metrics as a name that Prometheus takes.
    static func name(_ label: String, suffix: String = "") -> String {
        var name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        if name.first?.isNumber != false { name = "_" + name }
        return name.hasSuffix(suffix) ? name : name + suffix
    }
}

/// The labels of a series, in the order of their names.
struct Labels: Hashable, Sendable, Comparable {
    private let pairs: [String]

    init(_ dimensions: [(String, String)]) {
        pairs = dimensions.sorted { $0.0 < $1.0 }.map { Self.pair($0.0, $0.1) }
    }

    private init(pairs: [String]) {
        self.pairs = pairs
    }

    func adding(_ name: String, _ value: String) -> Labels {
        Labels(pairs: pairs + [Self.pair(name, value)])
    }

    var text: String { pairs.isEmpty ? "" : "{\(pairs.joined(separator: ","))}" }

    static func < (left: Self, right: Self) -> Bool { left.pairs.lexicographicallyPrecedes(right.pairs) }

    private static func pair(_ name: String, _ value: String) -> String {
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
        return "\(PrometheusText.name(name))=\"\(escaped)\""
    }
}
