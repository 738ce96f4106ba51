import DequeModule
import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Tells a client that asks (`Expect: 100-continue`, RFC 9110 §10.1.1) to send its body. Some wait for that before they send a large one, curl for a
/// second, others for ever.
///
/// Of requests that were sent at once, each is told so only when the one before it has been answered: anything else would stand in the midst of that answer.
final class ContinueHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    /// Of each request that has not been answered, oldest first: whether its client waits to be told.
    private var waits: Deque<Bool> = []

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let request) = unwrapInboundIn(data) {
            waits.append(request.headerFields[.expect]?.lowercased() == "100-continue")
            if waits.count == 1 { tellFirst(context) }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(data, promise: promise)
        if case .end = unwrapOutboundIn(data) {
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
