import Foundation
import HTTPTypes
import Logging
import NIOCore
import Synchronization

/// What the express lanes of all connections share: the routes, and what makes an answer of theirs look like any other.
final class ExpressServices: Sendable {
    private let routes: [ExpressRoute]
    private let logger: Logger
    private let metrics: MetricsRegistry
    private let gate: DatabaseSafety?
    private let clock = Mutex<(second: Int, text: String)>((0, ""))

    init(_ routes: [ExpressRoute], logger: Logger, metrics: MetricsRegistry, gate: DatabaseSafety?) {
        self.routes = routes
        self.logger = logger
        self.metrics = metrics
        self.gate = gate
    }

    /// Whether anything may be answered yet.
    var isOpen: Bool { gate?.isChecked ?? true }

    func route(for head: HTTPRequest) -> (ExpressRoute, ExpressRequest)? {
        for route in routes {
            if let request = route.request(head) { return (route, request) }
        }
        return nil
    }

    func head(of answer: ExpressAnswer, for route: ExpressRoute, id: String) -> HTTPResponse {
        var fields: HTTPFields = [
            .contentType: "application/json", .contentLength: "\(answer.json.readableBytes)", .requestID: id, .date: date,
        ]
        SecurityHeaders.add(to: &fields, path: route.route.path)
        return HTTPResponse(status: .ok, headerFields: fields)
    }

    func log(_ route: ExpressRoute, _ answer: ExpressAnswer, since start: ContinuousClock.Instant, id: String) {
        var logger = logger
        logger[metadataKey: "hb.request.id"] = "\(id)"
        RequestLine(
            method: route.route.method, route: route.route.path, status: .ok, start: start, principal: answer.principal, logger: logger,
            metrics: metrics
        ).write(bytes: answer.json.readableBytes)
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
