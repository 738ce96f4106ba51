import DequeModule
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOHTTPTypes

/// Answers the requests that come all day without a task, a stream of the body and a chain of middleware for each: these cost more than the answer.
/// It stands in front of the router on each connection and speaks for it where an `ExpressRoute` can; everything else passes through.
///
/// A request is taken only when the router has none to answer on this connection, and when it has come whole. What comes behind it is held until it is
/// answered, so answers keep the order of their requests.
final class ExpressLane: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private enum State {
        /// Nothing is under way here.
        case open
        /// A request for a route has begun; it must be whole when this burst of bytes has been read.
        case collecting(ExpressRoute, ExpressRequest, ByteBuffer?)
        case answering(ExpressRoute, HTTPRequest, ByteBuffer?, since: ContinuousClock.Instant)
    }

    private enum Held {
        case part(HTTPRequestPart)
        case event(Any)
        case error(any Error)
    }

    private let services: ExpressServices
    private var state = State.open
    /// Requests that the router has to answer.
    private var inRouter = 0
    private var held: Deque<Held> = []
    private var holdsRead = false

    init(_ services: ExpressServices) {
        self.services = services
    }

    private var isAnswering: Bool { if case .answering = state { true } else { false } }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        if isAnswering { held.append(.part(part)) } else { take(part, context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        leaveIncomplete(context)
        context.fireChannelReadComplete()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        leaveIncomplete(context)
        // That nothing more will come would have the router close the connection before the answer.
        if isAnswering, case ChannelEvent.inputClosed? = event as? ChannelEvent {
            held.append(.event(event))
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        leaveIncomplete(context)
        if isAnswering { held.append(.error(error)) } else { context.fireErrorCaught(error) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        (state, held) = (.open, [])
        context.fireChannelInactive()
    }

    /// No more is read than one burst while a request is being answered, however much its sender sends.
    func read(context: ChannelHandlerContext) {
        if isAnswering { holdsRead = true } else { context.read() }
    }

    private func take(_ part: HTTPRequestPart, _ context: ChannelHandlerContext) {
        switch (state, part) {
        case (.open, .head(let head)):
            // One who does not read his answers is the router's: it waits for him.
            if inRouter == 0, services.isOpen, context.channel.isWritable, let (route, request) = services.route(for: head) {
                state = .collecting(route, request, nil)
            } else {
                inRouter += 1
                context.fireChannelRead(wrapInboundOut(part))
            }
        case (.collecting(let route, let request, nil), .body(let buffer)): state = .collecting(route, request, buffer)
        case (.collecting(let route, let request, var body?), .body(var buffer)):
            body.writeBuffer(&buffer)
            state = .collecting(route, request, body)
        case (.collecting(let route, let request, let body), .end): begin(route, request, body, context)
        case (.collecting, .head):
            leaveIncomplete(context)
            take(part, context)
        case (.open, _): context.fireChannelRead(wrapInboundOut(part))
        case (.answering, _): held.append(.part(part))
        }
    }

    private func begin(_ route: ExpressRoute, _ request: ExpressRequest, _ body: ByteBuffer?, _ context: ChannelHandlerContext) {
        let start = ContinuousClock.now
        state = .answering(route, request.head, body, since: start)
        let here = NIOLoopBound((lane: self, context: context), eventLoop: context.eventLoop)
        let loop = context.eventLoop
        let begun = route.begin(request, body.map { Array($0.readableBytesView) } ?? []) { answer in
            loop.execute { here.value.lane.end(with: answer, here.value.context) }
        }
        if !begun { end(with: nil, context) }
    }

    /// A request that has not come whole is the router's.
    private func leaveIncomplete(_ context: ChannelHandlerContext) {
        guard case .collecting(_, let request, let body) = state else { return }
        state = .open
        hand(request.head, body, context)
    }

    private func hand(_ head: HTTPRequest, _ body: ByteBuffer?, _ context: ChannelHandlerContext) {
        inRouter += 1
        context.fireChannelRead(wrapInboundOut(.head(head)))
        if let body { context.fireChannelRead(wrapInboundOut(.body(body))) }
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { inRouter -= 1 }
        context.write(data, promise: promise)
    }

    private func end(with answer: ExpressAnswer?, _ context: ChannelHandlerContext) {
        // The connection may have ended meanwhile: then there is nobody to be answered.
        guard case .answering(let route, let head, let body, let start) = state else { return }
        state = .open
        if let answer {
            let id = RequestID().description
            context.write(wrapOutboundOut(.head(services.head(of: answer, for: route, id: id))), promise: nil)
            context.write(wrapOutboundOut(.body(answer.json)), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
            services.log(route, answer, since: start, id: id)
        } else {
            hand(head, body, context)
            context.fireChannelRead(wrapInboundOut(.end(nil)))
            context.fireChannelReadComplete()
        }
        takeHeld(context)
    }

    /// What came meanwhile, up to the next request that is answered here.
    private func takeHeld(_ context: ChannelHandlerContext) {
        guard !held.isEmpty || holdsRead else { return }
        let some = !held.isEmpty
        while !isAnswering, let next = held.popFirst() {
            switch next {
            case .part(let part): take(part, context)
            case .event(let event): userInboundEventTriggered(context: context, event: event)
            case .error(let error): errorCaught(context: context, error: error)
            }
        }
        guard !isAnswering else { return }
        if some { channelReadComplete(context: context) }
        if holdsRead {
            holdsRead = false
            context.read()
        }
    }
}
