import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// The requests of a connection that the router has to answer.
///
/// Tells a client that asks (`Expect: 100-continue`, RFC 9110 §10.1.1) to send its body. Some wait for that before they send a large one, curl for a
/// second, others for ever. Of requests that were sent at once, each is told so only when the one before it has been answered: anything else would stand
/// in the midst of that answer.
final class RouterQueue: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Of each request that has not been answered, oldest first: whether its client waits to be told.
    private var waits: Deque<Bool> = []
    /// Whether the newest request has not come whole.
    private var isReading = false
    /// When a part of a request last came, or an answer last ended.
    private(set) var lastActive = NIODeadline.now()
    /// What came since it was last set to nothing.
    var tally = Tally()

    /// Requests, as far as they came.
    struct Tally {
        var heads = 0
        var ends = 0
        var bodyBytes = 0
        /// Whether the connection goes on behind them as it was.
        var isPlain = true
    }

    var isEmpty: Bool { waits.isEmpty }
    /// Whether a client waits for an answer to what it has sent whole.
    var isAnswering: Bool { waits.count > (isReading ? 1 : 0) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastActive = .now()
        switch unwrapInboundIn(data) {
        case .head(let request):
            isReading = true
            tally.heads += 1
            if !Self.isPlain(request) { tally.isPlain = false }
            waits.append(request.headerFields[.expect]?.lowercased() == "100-continue")
            if waits.count == 1 { tellFirst(context) }
        case .body(let buffer): tally.bodyBytes += buffer.readableBytes
        case .end:
            isReading = false
            tally.ends += 1
        }
        context.fireChannelRead(data)
    }

    /// Not in use for long, but to the parser (llhttp) another name of Connection.
    private static let proxyConnection = HTTPField.Name("Proxy-Connection")

    private static func isPlain(_ request: HTTPRequest) -> Bool {
        guard request.method != .connect else { return false }
        // Most requests have none of these: one look at each field, not one for each name.
        for field in request.headerFields {
            if field.name == .upgrade || field.name == .connection && field.value.lowercased() != "keep-alive"
                || field.name == proxyConnection
            {
                return false
            }
        }
        return true
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        if case .end = unwrapOutboundIn(data) {
            lastActive = .now()
            _ = waits.popFirst()
            tellFirst(context)
        }
    }

    private func tellFirst(_ context: ChannelHandlerContext) {
        guard waits.first == true else { return }
        waits[0] = false
        context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
    }
}
