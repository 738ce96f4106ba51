import CLibPQ
import Foundation

/// The one thread on which a connection lives: an actor's executor that may block. The body of a transaction can run on it, too: while a
/// connection is lent its thread has nothing else to do.
///
/// libpq wants one thread at a time, and waiting for a socket blocks. A thread of its own per connection (a dozen at most) keeps that away from
/// the cooperative pool, and was the fastest of the ways measured: no readiness state machine, no hop between waiting and reading.
final class ConnectionThread: SerialExecutor, TaskExecutor, @unchecked Sendable {
    // SAFETY: `jobs` and `stopping` are touched only under `condition`'s lock.
    private let condition = NSCondition()
    private var jobs: [UnownedJob] = []
    private var stopping = false

    init(label: String) {
        let thread = Thread { [self] in run() }
        thread.name = label
        // libpq and the decoders need little; the default of 8 MiB is address space for nothing.
        thread.stackSize = 1 << 20
        thread.start()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        condition.lock()
        jobs.append(job)
        condition.signal()
        condition.unlock()
    }

    func asUnownedSerialExecutor() -> UnownedSerialExecutor {
        UnownedSerialExecutor(ordinary: self)
    }

    func asUnownedTaskExecutor() -> UnownedTaskExecutor {
        UnownedTaskExecutor(ordinary: self)
    }

    /// Lets the thread end once it has run what was enqueued.
    func stop() {
        condition.lock()
        stopping = true
        condition.signal()
        condition.unlock()
    }

    private func run() {
        var batch: [UnownedJob] = []
        while true {
            condition.lock()
            while jobs.isEmpty && !stopping { condition.wait() }
            if jobs.isEmpty {
                condition.unlock()
                return
            }
            swap(&batch, &jobs)
            condition.unlock()
            // Jobs of the connection and of a body alike.
            for job in batch { job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor()) }
            batch.removeAll(keepingCapacity: true)
        }
    }
}

/// Wakes a connection that waits for its socket, to make it look whether its caller was cancelled.
final class WakeSignal: Sendable {
    let descriptor: Int32

    init() {
        descriptor = market_eventfd()
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    func signal() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)  // Can only fail when the counter is full, and then it wakes all the same.
    }

    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)  // Nothing to read is no error here.
    }
}
