import NIOCore
import PGClient
import Synchronization

/// Brings answers from the thread that has them to the event loop whose connections wait for them.
///
/// What one round trip has answered comes together, since to wake a loop costs more than to write an answer.
final class AnswerBox: Sendable {
    private typealias Entry = (lane: NIOLoopBound<ExpressLane>, ending: ExpressRoute.Ending)

    private let loop: any EventLoop
    private let entries = Mutex<[Entry]>([])
    private let logLabel: String

    /// - Parameter logLabel: of the lines that the answers leave in the log.
    init(_ loop: any EventLoop, logLabel: String) {
        self.loop = loop
        self.logLabel = logLabel
    }

    func put(_ ending: @escaping ExpressRoute.Ending, for lane: NIOLoopBound<ExpressLane>) {
        let isFirst = entries.withLock { entries in
            entries.append((lane, ending))
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
        for (lane, ending) in taken { lane.value.end(with: ending(), &lines) }
        // The first answer that is sent wakes its reader, which may take this processor: then it had better find the others, too.
        for (lane, _) in taken { lane.value.flush() }
        lines.flush()
    }
}
