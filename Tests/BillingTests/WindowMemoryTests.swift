import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import Billing

@Suite("Windows that a process remembers")
struct WindowMemoryTests {
    private static let uid = UID(stored: "UID_remembered")
    private static let key = WindowKey(resourceID: BillingFixture.topic, uid: uid)
    private static let day: Int64 = 86_400_000
    private let bundles = BundleMemory()

    /// Each a day, one second after the other, into one run.
    private func payment(_ number: Int) -> Submission {
        var message = BillingFixture.sample
        message.prodId = 13
        message.uid = Self.uid.text
        message.tradeNo = "REMEMBERED-\(number)"
        message.createTime += Int64(number) * 1_000
        return BillingFixture.submission(message)
    }

    private func record(_ number: Int, _ memory: WindowMemory, in client: PGClient) async throws {
        let batch = RecordingBatch([payment(number)], bundles: bundles, memory: memory)
        let outcomes = try await batch.record(in: client).map { try $0.get() }
        try #require(outcomes == [.recorded])
    }

    private func stored(in client: PGClient) async throws -> PlacedWindow {
        try #require(try await client.run(WindowState.of([Self.key]))[Self.key])
    }

    @Test("what was written is remembered as it is stored, and where")
    func remembered() async throws {
        try await BillingFixture.with { market in
            let memory = WindowMemory()
            for number in 1...3 { try await record(number, memory, in: market.client) }
            let (remembered, stored) = (try #require(memory.windows(of: [Self.key])[Self.key]), try await stored(in: market.client))
            #expect(remembered.window.state == stored.window.state)
            #expect(remembered.window.version == stored.window.version && remembered.place == stored.place)
            #expect(stored.window.state.payments == 3)
        }
    }

    @Test(
        "a window that is no longer as it is remembered is read anew, whatever became of it",
        arguments: [
            // As another process does.
            "update paid_window set pay_end_time = pay_end_time + 5, version = version + 1",
            // By hand, or as a database that was taken back in time has it: all but one field as remembered.
            "update paid_window set pay_end_time = pay_end_time + 5",
            "update paid_window set last_event_time = last_event_time - 5",
            "update paid_window set run_start = 0",
            "update paid_window set payments = payments + 5",
            "update paid_window set unmatched = 1",
            // The same elsewhere; and another in its place.
            "update paid_window set version = version",
            """
            update paid_window set uid = 'UID_other';
            insert into paid_window
            select resource_id, pay_end_time, last_event_time, payments, unmatched, 'UID_remembered', run_start, version from paid_window
            """,
        ])
    func overtaken(change: String) async throws {
        try await BillingFixture.with { market in
            let memory = WindowMemory()
            for number in 1...2 { try await record(number, memory, in: market.client) }
            #expect(memory.windows(of: [Self.key]).count == 1)
            try await market.database.asOwner(change)
            let before = try await stored(in: market.client).window
            try await record(3, memory, in: market.client)
            let after = try await stored(in: market.client).window
            #expect(after.version == before.version + 1)
            #expect(after.state.payments == before.state.payments + 1 && after.state.unmatched == before.state.unmatched)
            #expect(after.state.payEndTime.milliseconds == before.state.payEndTime.milliseconds + Self.day)
            #expect(memory.windows(of: [Self.key]).isEmpty, "another process writes: nothing is remembered for a while")
        }
    }

    @Test("a market that was emptied or written anew on the disk is recorded into as it is")
    func rewritten() async throws {
        try await BillingFixture.with { market in
            let memory = WindowMemory()
            for number in 1...2 { try await record(number, memory, in: market.client) }
            try await market.database.asOwner("vacuum full paid_window")
            try await record(3, memory, in: market.client)
            #expect(try await stored(in: market.client).window.state.payments == 3)
            try await market.database.asOwner("truncate payment_event, paid_window")
            for number in 2...3 { try await record(number, memory, in: market.client) }
            #expect(try await stored(in: market.client).window.state.payments == 2)
            #expect(try await Verification.run(on: market.client).agrees)
        }
    }

    @Test("memory has an end: what was written long ago goes first")
    func forgotten() {
        let memory = WindowMemory()
        func window(_ number: Int) -> PlacedWindow {
            let key = WindowKey(resourceID: BillingFixture.topic, uid: UID(stored: "UID_\(number)"))
            return PlacedWindow(StoredWindow(key: key, state: .empty, version: Int64(number)), at: RowPlace(block: 0, number: 1))
        }
        func version(_ number: Int) -> Int64? {
            let key = window(number).window.key
            return memory.windows(of: [key])[key]?.window.version
        }
        for first in stride(from: 0, to: 200_000, by: 1_000) { memory.remember((first..<first + 1_000).map(window)) }
        let remembered = (0..<200_000).count { version($0) != nil }
        #expect((24_576...49_152).contains(remembered))
        #expect(version(0) == nil && version(199_999) == 199_999 && version(180_000) == 180_000)
    }
}
