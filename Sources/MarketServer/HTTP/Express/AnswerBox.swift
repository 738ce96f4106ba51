import NIOCore
import PGClient
import Synchronization

/// One that waits for an answer, on the event loop of its connection.
protocol AnswerTaker: AnyObject {
    /// Answers, and adds the answer's line to the log's; nil leaves the request to the router.
    func end(with answer: ExpressAnswer?, _ lines: inout RequestLines)
    /// Sends what `end` has written and left.
    func flush()
}

/// Brings answers from the thread that has them to the event loop whose connections wait for them.
///
/// What one round trip has answered comes together, since to wake a loop costs more than to write an answer.
final class AnswerBox: Sendable {
    private typealias Entry = (taker: NIOLoopBound<any AnswerTaker>, ending: ExpressRoute.Ending)

    private let loop: any EventLoop
    private let entries = Mutex<[Entry]>([])
    private let logLabel: String

    /// - Parameter logLabel: of the lines that the answers leave in the log.
    init(_ loop: any EventLoop, logLabel: String) {
        self.loop = loop
        self.logLabel = logLabel
    }

    func put(_ ending: @escaping ExpressRoute.Ending, for taker: NIOLoopBound<any AnswerTaker>) {
        let isFirst = entries.withLock { entries in
            entries.append((taker, ending))
            return entries.count == 1
        }
        // Whoever put the first one in has the rest taken out, too.
        guard isFirst else { return }
        PGDelivery.afterThis { self.loop.execute { self.handOut() } }
    }

    private func handOut() {
        let taken = entries.withLock { entries in
            defer { entries = [] }
            return entries
        }
        var lines = RequestLines(label: logLabel)
        for (taker, ending) in taken { taker.value.end(with: ending(), &lines) }
        // The first answer that is sent wakes its reader, which may take this processor: then it had better find the others, too.
        for (taker, _) in taken { taker.value.flush() }
        lines.flush()
    }
}
