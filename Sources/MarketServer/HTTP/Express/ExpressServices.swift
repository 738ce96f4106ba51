import Foundation
import HTTPTypes
import Logging
import NIOCore
import Synchronization

/// What the express lanes of all connections share: the routes, and what makes an answer of theirs look like any other.
final class ExpressServices: Sendable {
    let idleTimeout: TimeAmount
    private let routes: [ExpressRoute]
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let gate: DatabaseSafety?
    /// Whether lines go round the logger, to where it would write them.
    private let writesLines: Bool
    private let clock = Mutex<(second: Int, text: String)>((0, ""))
    private let boxes = Mutex<[ObjectIdentifier: AnswerBox]>([:])
    /// Ids of requests, like those of the router's: a random number for the process, and one that counts from a random one.
    private let idPrefix = UInt64.random(in: .min ... .max)
    private let nextID = Atomic(UInt64.random(in: .min ... .max))

    init(_ routes: [ExpressRoute], logger: Logger, metrics: MetricsRegistry, gate: DatabaseSafety?, idleTimeout: TimeAmount) {
        self.routes = routes
        self.logger = logger
        self.metrics = metrics
        self.gate = gate
        self.idleTimeout = idleTimeout
        writesLines = RequestLines.isDue(for: logger)
        for express in routes {
            metrics.requests.add(express.durations, method: express.route.method.rawValue, route: express.route.path, status: 200)
        }
    }

    /// Whether anything may be answered yet.
    var isOpen: Bool { gate?.isChecked ?? true }

    /// - Parameter known: the credentials of the connection's last request.
    func arrival(in buffer: ByteBuffer, known: ExpressCredentials?) -> ExpressArrival? {
        buffer.withUnsafeReadableBytes { bytes in
            for route in routes {
                if let arrival = ExpressArrival(bytes, for: route, known: known) { return arrival }
            }
            return nil
        }
    }

    /// The box of an event loop.
    func box(of loop: any EventLoop) -> AnswerBox {
        boxes.withLock { boxes in
            if let box = boxes[ObjectIdentifier(loop)] { return box }
            let box = AnswerBox(loop, logLabel: logger.label)
            boxes[ObjectIdentifier(loop)] = box
            return box
        }
    }

    func newID() -> UInt64 { nextID.add(1, ordering: .relaxed).oldValue }

    /// The answer as it goes over the wire.
    func write(_ answer: ExpressAnswer, id: UInt64, to bytes: inout ByteBuffer) {
        bytes.writeStaticString("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ")
        bytes.writeDecimal(answer.json.readableBytes)
        bytes.writeStaticString("\r\nX-Request-Id: ")
        bytes.writeHexadecimal(idPrefix)
        bytes.writeHexadecimal(id)
        bytes.writeStaticString("\r\nDate: ")
        bytes.writeString(date)
        bytes.writeString(Self.security)
        bytes.writeImmutableBuffer(answer.json)
    }

    /// The end of the head. All express routes are the API's.
    private static let security: String = {
        var fields: HTTPFields = [:]
        SecurityHeaders.add(to: &fields, path: "/v1/")
        return "\r\n" + fields.map { "\($0.name.rawName): \($0.value)\r\n" }.joined() + "\r\n"
    }()

    /// One line and one measurement for an answer.
    func log(_ route: ExpressRoute, _ answer: ExpressAnswer, since start: NIODeadline, id: UInt64, in lines: inout RequestLines) {
        let duration = NIODeadline.now() - start
        guard writesLines else { return log(route, answer, after: duration, id: id) }
        route.durations.recordNanoseconds(duration.nanoseconds)
        lines.add(route.route, answer, id: (idPrefix, id), after: duration)
    }

    private func log(_ route: ExpressRoute, _ answer: ExpressAnswer, after duration: TimeAmount, id: UInt64) {
        var logger = logger
        if logger.logLevel <= .info {
            var text = ByteBuffer()
            text.writeHexadecimal(idPrefix)
            text.writeHexadecimal(id)
            logger[metadataKey: "hb.request.id"] = "\(String(buffer: text))"
        }
        RequestLine(
            method: route.route.method, route: route.route.path, status: .ok, principal: answer.principal, logger: logger, metrics: metrics
        ).write(bytes: answer.json.readableBytes, after: .nanoseconds(duration.nanoseconds))
    }

    /// Now, as RFC 9110 §5.6.7 writes it; made once a second.
    private var date: String {
        var now = time(nil)
        return clock.withLock { clock in
            if clock.second != now {
                var parts = tm()
                gmtime_r(&now, &parts)
                var buffer = [CChar](repeating: 0, count: 40)
                // The C locale, which the program never leaves, has the English names that are due.
                let count = strftime(&buffer, buffer.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
                clock = (now, String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self))
            }
            return clock.text
        }
    }
}
