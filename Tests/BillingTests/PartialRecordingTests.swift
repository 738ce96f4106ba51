import PGClient
import Testing

@testable import Billing

@Suite struct PartialRecordingTests {
    @Test("of submissions that two transactions took, and one of them failed, nobody is told that nothing was applied")
    func partial() throws {
        let refused = PGError(.server, "refused", sqlState: .lockNotAvailable)
        #expect(refused.outcome == .notApplied)
        func outcome(of results: [Result<RecordOutcome, any Error>]) throws -> PGError.Outcome {
            let error = try #require(throws: PGError.self) { try RecordingDesk.answer(of: results).get() }
            return error.outcome
        }
        #expect(try outcome(of: [.success(.recorded), .failure(refused)]) == .unknown)
        #expect(try outcome(of: [.failure(refused), .success(.duplicate)]) == .unknown)
        #expect(try outcome(of: [.failure(refused), .failure(refused)]) == .notApplied)
        #expect(try RecordingDesk.answer(of: [.success(.recorded), .success(.duplicate)]).get() == [.recorded, .duplicate])
    }
}
