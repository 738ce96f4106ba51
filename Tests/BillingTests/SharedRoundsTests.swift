import Synchronization
import TestSupport
import Testing

@testable import Billing

@Suite("Work that is done once for all who ask", .timeLimit(.minutes(5)))
struct SharedRoundsTests {
    @Test("who asks during a round shares the next one, and rounds of one key never overlap")
    func sharing() async throws {
        let rounds = SharedRounds<Int>()
        let (begun, ended) = (Counter(), Counter())
        let (gate, opener) = AsyncStream.makeStream(of: Void.self)
        await withTaskGroup { group in
            group.addTask {
                await rounds.run(1) {
                    begun.increment()
                    for await _ in gate { break }
                    ended.increment()
                }
            }
            while begun.value == 0 { await Task.yield() }
            for _ in 0..<20 {
                group.addTask {
                    await rounds.run(1) {
                        #expect(begun.value == ended.value, "the round before has ended")
                        begun.increment()
                        ended.increment()
                    }
                }
            }
            while rounds.waiters(for: 1) < 20 { await Task.yield() }
            // Another key waits for nobody.
            await rounds.run(2) {}
            opener.yield()
        }
        #expect(ended.value == 2, "the one that was at work, and one for all who asked meanwhile")
        await rounds.run(1) { ended.increment() }
        #expect(ended.value == 3, "nobody is left to share with")
    }
}
