import Foundation
import HTTPTypes
import Logging
import NIOCore
import ProductCatalog
import Synchronization
import Testing

@testable import MarketServer

/// Lines that go round the logger.
@Suite struct RequestLinesTests {
    /// What a logger writes.
    private final class Page: TextOutputStream, Sendable {
        let text = Mutex("")
        func write(_ string: String) { text.withLock { $0 += string } }
    }

    @Test(
        "a line is, letter for letter, the one that the logger would write",
        arguments: [0, 49_999, 50_000, 1_234_567, 99_950_000, 12_000_000_000] as [Int64])
    func likeTheLogger(nanoseconds: Int64) throws {
        for principal in [nil, .operatorToken, .app(App.ID(rawValue: 7), publisher: Publisher.ID(rawValue: 1))] as [Principal?] {
            let page = Page()
            var logger = Logger(label: "market", factory: { StreamLogHandler(label: $0, stream: page) })
            logger[metadataKey: "hb.request.id"] = "0123456789abcdeffedcba9876543210"
            let route = Route(.get, "/v1/entitlements", .anyone) { _, _ in throw CancellationError() }
            let answer = ExpressAnswer(json: ByteBuffer(string: "{\"entitled\":true}"), principal: principal)
            RequestLine(
                method: route.method, route: route.path, status: .ok, principal: principal, logger: logger, metrics: MetricsRegistry()
            ).write(bytes: answer.json.readableBytes, after: .nanoseconds(nanoseconds))

            var lines = RequestLines(label: "market")
            lines.add(route, answer, id: (0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210), after: .nanoseconds(nanoseconds))
            let (theirs, ours) = (page.text.withLock { $0 }, String(buffer: lines.text))
            // The second may have passed in between.
            let hour = try Regex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[+-][0-9]{4} ")
            #expect(ours.firstMatch(of: hour) != nil && theirs.firstMatch(of: hour) != nil)
            #expect(ours.replacing(hour, with: "") == theirs.replacing(hour, with: ""))
        }
    }

    @Test("they take the logger's place where it writes lines of requests to standard error, and nowhere else")
    func due() {
        func logger(_ change: (inout Logger) -> Void = { _ in }) -> Logger {
            var logger = Logger(label: "market", factory: { StreamLogHandler.standardError(label: $0) })
            change(&logger)
            return logger
        }
        #expect(RequestLines.isDue(for: logger()))
        #expect(!RequestLines.isDue(for: logger { $0.logLevel = .warning }))
        #expect(!RequestLines.isDue(for: logger { $0[metadataKey: "of"] = "all" }))
        #expect(!RequestLines.isDue(for: Logger(label: "market", factory: { _ in SwiftLogNoOpLogHandler() })))
    }
}
