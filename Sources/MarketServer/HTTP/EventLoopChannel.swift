import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// HTTP/1.1 whose requests are handled on the event loop that reads and writes them.
///
/// A handler that waits for the database would otherwise change threads three times for each request, which costs more than the handler. What a
/// handler does between two waits must be short: it holds up the other connections of its loop.
struct EventLoopChannel: ServerChildChannel, HTTPChannelHandler {
    typealias Value = HTTP1Channel.Value

    private let base: HTTP1Channel
    private let express: ExpressServices

    init(responder: @escaping HTTPChannelHandler.Responder, configuration: HTTP1Channel.Configuration, express: ExpressServices) {
        base = HTTP1Channel(responder: responder, configuration: configuration)
        self.express = express
    }

    var responder: HTTPChannelHandler.Responder { base.responder }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let router = try channel.pipeline.syncOperations.handler(type: RouterQueue.self)
            try channel.pipeline.syncOperations.addHandler(ExpressLane(express, before: router), position: .first)
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}

/// Runs what computes for milliseconds at a stretch, on a request of an event loop, on the threads that are there for computing.
func computingBesideTheLoop<Result>(_ body: () async throws -> Result) async throws -> Result {
    try await withTaskExecutorPreference(globalConcurrentExecutor) { try await body() }
}

/// Runs tasks on an event loop.
private final class EventLoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
