import NIOConcurrencyHelpers
import PGClient
import ServiceLifecycle
import TestSupport
import Testing

@Suite("Batcher")
struct BatcherTests {
    /// Holds groups back until they are let through, and remembers what they were.
    private final class Gate: Sendable {
        private let state = NIOLockedValueBox<(groups: [[Int]], waiting: [CheckedContinuation<Void, Never>], isOpen: Bool)>(([], [], false))

        var groups: [[Int]] { state.withLockedValue { $0.groups } }

        func pass(_ group: [Int]) async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLockedValue { state in
                    state.groups.append(group)
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        /// Waits for a condition, and opens when it does not come to hold: nobody must be left waiting for a test that has failed.
        func when(_ condition: () async throws -> Bool) async throws {
            do {
                try await eventually(condition)
            } catch {
                open()
                throw error
            }
        }

        func open() {
            let waiting = state.withLockedValue { state in
                state.isOpen = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for waiter in waiting { waiter.resume() }
        }
    }

    private struct Odd: Error {}

    private func batcher(_ gate: Gate, maxBatch: Int = 100, maxQueued: Int = 100) -> PGBatcher<Int, Int> {
        PGBatcher(label: "test", maxBatch: maxBatch, maxQueued: maxQueued) { requests in
            await gate.pass(requests)
            return requests.map { $0 == 13 ? .failure(Odd()) : .success($0 * 2) }
        }
    }

    @Test("what arrives while a group is in flight forms the next one, and each caller gets his own answer", .timeLimit(.minutes(5)))
    func groups() async throws {
        let gate = Gate()
        let batcher = batcher(gate)
        try await withServices([batcher]) {
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    let answer = try await batcher.submit(1)
                    #expect(answer == 2)
                }
                try await gate.when { gate.groups == [[1]] }
                let started = Counter()
                for request in 2...40 where request != 13 {
                    tasks.addTask {
                        started.increment()
                        let answer = try await batcher.submit(request)
                        #expect(answer == request * 2)
                    }
                }
                tasks.addTask {
                    started.increment()
                    await #expect(throws: Odd.self) { try await batcher.submit(13) }
                }
                try await gate.when { started.value == 39 }
                gate.open()
                try await tasks.waitForAll()
            }
        }
        let groups = gate.groups
        #expect(groups.flatMap(\.self).sorted() == Array(1...40))
        #expect(groups.count <= 5, "\(groups.count) groups for 40 requests")
    }

    @Test("no group is larger than allowed", .timeLimit(.minutes(5)))
    func largestGroup() async throws {
        let gate = Gate()
        let batcher = batcher(gate, maxBatch: 3)
        try await withServices([batcher]) {
            gate.open()
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for request in 100..<150 { tasks.addTask { _ = try await batcher.submit(request) } }
                try await tasks.waitForAll()
            }
        }
        #expect(gate.groups.allSatisfy { $0.count <= 3 })
        #expect(gate.groups.flatMap(\.self).count == 50)
    }

    @Test("a full line refuses at once", .timeLimit(.minutes(5)))
    func full() async throws {
        let gate = Gate()
        let batcher = batcher(gate, maxQueued: 2)
        try await withServices([batcher]) {
            await withTaskGroup(of: PGError?.self) { tasks in
                tasks.addTask { await caught { try await batcher.submit(1) } }
                await #expect(throws: Never.self) { try await gate.when { gate.groups.count == 1 } }
                // Two wait; whichever of four comes third and fourth is refused.
                for request in 2...5 { tasks.addTask { await caught { try await batcher.submit(request) } } }
                var refused = 0
                for await error in tasks {
                    if error?.kind == .poolFull { refused += 1 }
                    if refused == 2 { gate.open() }
                }
                #expect(refused == 2)
            }
        }
    }

    @Test("graceful shutdown answers what was submitted and refuses what is new", .timeLimit(.minutes(5)))
    func shutdown() async throws {
        let gate = Gate()
        let batcher = batcher(gate)
        let group = ServiceGroup(configuration: .init(services: [.init(service: batcher)], logger: quiet))
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let submitted = Counter()
            for request in 1...3 {
                tasks.addTask {
                    submitted.increment()
                    let answer = try await batcher.submit(request)
                    #expect(answer == request * 2)
                }
            }
            try await gate.when { submitted.value == 3 && gate.groups.count == 1 }
            await group.triggerGracefulShutdown()
            gate.open()
            try await tasks.waitForAll()
        }
        let late = await caught { try await batcher.submit(9) }
        #expect(late?.kind == .notRunning)
    }
}
