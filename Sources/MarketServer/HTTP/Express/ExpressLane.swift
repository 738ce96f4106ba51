import DequeModule
import NIOCore

/// Answers the requests that come all day without a task, a stream of the body, a chain of middleware and a tree of header fields for each: these cost
/// more than the answer. It is the first to see what a connection brings and speaks for the router where an `ExpressRoute` can; everything else goes
/// on to the router as it came.
///
/// A request is taken only when the router has none to answer on this connection, nor the beginning of one. What comes behind it is held until it is
/// answered, so answers keep the order of their requests.
final class ExpressLane: ChannelDuplexHandler, RemovableChannelHandler, AnswerTaker {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private enum State {
        /// Nothing is under way here.
        case open
        /// The body of a request is still to come.
        case collecting(ExpressArrival)
        case answering(ExpressRoute, since: NIODeadline)
    }

    private enum Held {
        case bytes(ByteBuffer)
        case event(Any)
        case error(any Error)
    }

    private let services: ExpressServices
    private let router: RouterQueue
    private var state = State.open
    /// The bytes of the request that is collected or answered, should the router have to.
    private var kept = ByteBuffer()
    private var held: Deque<Held> = []
    private var holdsRead = false
    private var framing = RouterFraming()
    /// Whether the router was handed something in this burst.
    private var hasPassed = false
    private var credentials: ExpressCredentials?
    private var lastActive = NIODeadline.now()
    private var idleCheck: Scheduled<Void>?
    /// Of what this connection's reader has not taken, as it was at the last look: all that was ever written, and what of it waits here.
    private var backlog = (written: 0, waiting: 0)
    private var written = 0
    private var context: ChannelHandlerContext?
    private var address: (box: AnswerBox, own: NIOLoopBound<any AnswerTaker>)?
    /// Where answers are written, again and again.
    private var answerBytes = ByteBuffer()

    init(_ services: ExpressServices, before router: RouterQueue) {
        self.services = services
        self.router = router
    }

    private var isAnswering: Bool { if case .answering = state { true } else { false } }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        address = (services.box(of: context.eventLoop), NIOLoopBound(self as any AnswerTaker, eventLoop: context.eventLoop))
        checkIdle(context, in: services.idleTimeout)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        (self.context, address) = (nil, nil)
        idleCheck?.cancel()
    }

    // MARK: In

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if isAnswering { held.append(.bytes(buffer)) } else { take(buffer, context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard hasPassed else { return }
        hasPassed = false
        context.fireChannelReadComplete()
    }

    /// That nothing more will come, or that the server ends, would have the router close the connection before the answer.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        leaveIncomplete(context)
        if isAnswering { held.append(.event(event)) } else { context.fireUserInboundEventTriggered(event) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        leaveIncomplete(context)
        if isAnswering { held.append(.error(error)) } else { context.fireErrorCaught(error) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // The router keeps what is left of a callback.
        leaveIncomplete(context)
        (state, held) = (.open, [])
        context.fireChannelInactive()
    }

    /// No more is read than one burst behind a request that is being answered, however much its sender sends.
    func read(context: ChannelHandlerContext) {
        if isAnswering, !held.isEmpty { holdsRead = true } else { context.read() }
    }

    private func take(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        switch state {
        case .open:
            // One who does not read his answers is the router's: it waits for him.
            guard router.isEmpty, framing.isBetween, services.isOpen, context.channel.isWritable,
                let arrival = services.arrival(in: buffer, known: credentials)
            else {
                return pass(buffer, context)
            }
            credentials = arrival.request.credentials
            kept.clear()
            collect(buffer, of: arrival, context)
        case .collecting(let arrival): collect(buffer, of: arrival, context)
        case .answering: held.append(.bytes(buffer))
        }
    }

    private func collect(_ buffer: ByteBuffer, of arrival: ExpressArrival, _ context: ChannelHandlerContext) {
        var buffer = buffer
        if var own = buffer.readSlice(length: min(buffer.readableBytes, arrival.length - kept.readableBytes)) { kept.writeBuffer(&own) }
        lastActive = .now()
        guard kept.readableBytes == arrival.length else {
            state = .collecting(arrival)
            return
        }
        if buffer.readableBytes > 0 { held.prepend(.bytes(buffer)) }
        state = .answering(arrival.route, since: lastActive)
        guard let address else { return }
        let body = kept.getBytes(at: kept.readerIndex + arrival.head, length: arrival.length - arrival.head) ?? []
        if !arrival.route.begin(arrival.request, body, { address.box.put($0, for: address.own) }) { leaveToRouter() }
    }

    /// A request that will not come whole is the router's.
    private func leaveIncomplete(_ context: ChannelHandlerContext) {
        guard case .collecting = state else { return }
        state = .open
        passKept(context)
    }

    private func passKept(_ context: ChannelHandlerContext) {
        pass(kept, context)
        // The router may still have to read it.
        kept = ByteBuffer()
        channelReadComplete(context: context)
    }

    private func pass(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        hasPassed = true
        if framing.isBetween { router.tally = RouterQueue.Tally() }
        framing.begin(buffer)
        context.fireChannelRead(wrapInboundOut(buffer))
        framing.end(router.tally)
    }

    // MARK: Out

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        written &+= unwrapOutboundIn(data).readableBytes
        context.write(data, promise: promise)
    }

    func end(with answer: ExpressAnswer?, _ lines: inout RequestLines) {
        guard let answer else { return leaveToRouter() }
        end { context, route, start in
            let id = services.newID()
            answerBytes.clear()
            services.write(answer, id: id, to: &answerBytes)
            context.write(wrapOutboundOut(.byteBuffer(answerBytes)), promise: nil)
            services.log(route, answer, since: start, id: id, in: &lines)
        }
    }

    func flush() {
        context?.flush()
    }

    private func leaveToRouter() {
        end { context, _, _ in passKept(context) }
    }

    private func end(_ finish: (ChannelHandlerContext, ExpressRoute, NIODeadline) -> Void) {
        // The connection may have ended meanwhile: then there is nobody to be answered.
        guard case .answering(let route, let start) = state, let context else { return }
        state = .open
        lastActive = .now()
        finish(context, route, start)
        guard !held.isEmpty || holdsRead else { return }
        // What is held may be an event that closes the connection.
        context.flush()
        takeHeld(context)
    }

    /// What came meanwhile, up to the next request that is answered here.
    private func takeHeld(_ context: ChannelHandlerContext) {
        while !isAnswering, let next = held.popFirst() {
            switch next {
            case .bytes(let buffer): take(buffer, context)
            case .event(let event): userInboundEventTriggered(context: context, event: event)
            case .error(let error): errorCaught(context: context, error: error)
            }
        }
        channelReadComplete(context: context)
        if holdsRead, !isAnswering || held.isEmpty {
            holdsRead = false
            context.read()
        }
    }

    // MARK: Silence

    /// Closes a connection on which nothing has been asked for the time that it may be silent; and one whose reader has taken nothing of his answer for
    /// that long, because what answers him is kept from others (`Places`).
    ///
    /// What is scheduled holds the lane, and is cancelled when the lane is removed. A weak reference would make each count of references to it dearer.
    private func checkIdle(_ context: ChannelHandlerContext, in delay: TimeAmount) {
        idleCheck = context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
            guard let context = self.context else { return }
            let now = NIODeadline.now()
            let deadline = max(lastActive, router.lastActive) + services.idleTimeout
            if isAnswering || router.isAnswering {
                if isStuck(context) { context.close(promise: nil) } else { checkIdle(context, in: services.idleTimeout) }
            } else if now < deadline {
                checkIdle(context, in: deadline - now)
            } else {
                context.close(promise: nil)
            }
        }
    }

    /// Whether something waits to be sent and nothing of it has gone since the last look.
    private func isStuck(_ context: ChannelHandlerContext) -> Bool {
        // A channel that has ended has nothing to send.
        let waiting = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        defer { backlog = (written, waiting) }
        return waiting > 0 && backlog == (written, waiting)
    }
}
