import Logging
import NIOConcurrencyHelpers

/// Keeps what is logged, for a test to read.
public final class LogCapture: Sendable {
    public struct Line: Sendable, CustomStringConvertible {
        public let level: Logger.Level
        public let message: String
        /// The logger's and the line's own.
        public let metadata: [String: String]

        public var description: String { "\(level) \(message) \(metadata)" }
    }

    private let captured = NIOLockedValueBox<[Line]>([])

    public init() {}

    public var lines: [Line] { captured.withLockedValue { $0 } }

    /// A logger whose lines from this level on are kept.
    public func logger(_ level: Logger.Level = .debug) -> Logger {
        var logger = Logger(label: "capture", factory: { _ in Handler(capture: self) })
        logger.logLevel = level
        return logger
    }

    private func add(_ line: Line) { captured.withLockedValue { $0.append(line) } }

    private struct Handler: LogHandler {
        let capture: LogCapture
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { $1 }
            capture.add(Line(level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" }))
        }
    }
}
