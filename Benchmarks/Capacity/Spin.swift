import Foundation
import PostgresCluster

/// How many processors of this machine a load may have that wants them all, while others work here too: found by loops that do nothing else.
///
/// On a machine of one's own it is their number. It says nothing about what is measured, and so may be used to predict that.
enum Spin {
    private static let seconds = 1
    /// As many loops as a load has threads that want a processor at the same time: the server's, one for each processor, and the generator's.
    private static let threads = ProcessInfo.processInfo.activeProcessorCount + 1

    static func processors() throws -> Double {
        let (used, idle, start) = (ProcessTime.ofEndedChildren(), try ProcessTime.ofNobody(), ContinuousClock.now)
        // And one as PostgreSQL has them: its processes are sessions of their own, and Linux shares the processors out by session. timeout says by its
        // exit status that it ended them, and wait without a number says nothing of it.
        let loop = "timeout \(seconds) bash -c 'while :; do :; done'"
        _ = try Shell.run("bash", ["-c", "for _ in $(seq \(threads)); do \(loop) & done; setsid --wait \(loop) & wait"])
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return (ProcessTime.ofEndedChildren() - used + (try ProcessTime.ofNobody()) - idle) / seconds
    }
}
