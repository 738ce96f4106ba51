import Synchronization
import TestSupport
import Testing

@testable import Billing

@Suite("Work that is done once for all who ask", .timeLimit(.minutes(5)))
struct SharedRoundsTests {
    @Test("who asks during a round shares the next one, and rounds of one key never overlap")
    func sharing() async throws {
        let rounds = SharedRounds<Int>()
        let (begun, ended, askers) = (Counter(), Counter(), Counter())
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
                    askers.increment()
                    await rounds.run(1) {
                        #expect(begun.value == ended.value, "the round before has ended")
                        begun.increment()
                        ended.increment()
                    }
                    #expect(ended.value >= 2, "his own round has been")
                }
            }
            while askers.value < 20 { await Task.yield() }
            // Another key waits for nobody.
            await rounds.run(2) {}
            opener.yield()
        }
        // One for those who had asked by then, and one more for whoever had not quite.
        #expect((2...4).contains(ended.value), "\(ended.value)")
        let before = ended.value
        await rounds.run(1) { ended.increment() }
        #expect(ended.value == before + 1)
    }
}
