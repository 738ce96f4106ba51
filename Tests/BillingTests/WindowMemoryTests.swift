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
        try #require(try await client.run(WindowState.of([Self.key]))[0])
    }

    @Test("what was written is remembered as it is stored, and where")
    func remembered() async throws {
        try await BillingFixture.with { market in
            let memory = WindowMemory()
            for number in 1...3 {
                try await record(number, memory, in: market.client)
                let stored = try await stored(in: market.client)
                #expect(memory.windows(of: [Self.key]) == [stored])
                #expect(stored.state.payments == number)
            }
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
            "update paid_window set plain_since = 0",
            "update paid_window set payments = payments + 5",
            "update paid_window set unmatched = 1",
            // The same elsewhere; and another in its place.
            "update paid_window set version = version",
            """
            update paid_window set uid = 'UID_other';
            insert into paid_window
            select resource_id, pay_end_time, last_event_time, payments, unmatched, 'UID_remembered', plain_since, version from paid_window
            """,
        ])
    func overtaken(change: String) async throws {
        try await BillingFixture.with { market in
            let memory = WindowMemory()
            for number in 1...2 { try await record(number, memory, in: market.client) }
            #expect(memory.windows(of: [Self.key])[0] != nil)
            try await market.database.asOwner(change)
            let before = try await stored(in: market.client)
            try await record(3, memory, in: market.client)
            let after = try await stored(in: market.client)
            #expect(after.version == before.version + 1)
            #expect(after.state.payments == before.state.payments + 1 && after.state.unmatched == before.state.unmatched)
            #expect(after.state.payEndTime.milliseconds == before.state.payEndTime.milliseconds + Self.day)
            #expect(memory.windows(of: [Self.key]) == [nil], "another process writes: nothing is remembered for a while")
        }
    }

    @Test("a market that was emptied or written anew on the disk is recorded into as it is")
    func rewritten() async throws {
        try await BillingFixture.with { market in
            let memory = WindowMemory()
            for number in 1...2 { try await record(number, memory, in: market.client) }
            try await market.database.asOwner("vacuum full paid_window")
            try await record(3, memory, in: market.client)
            #expect(try await stored(in: market.client).state.payments == 3)
            try await market.database.asOwner("truncate payment_event, paid_window")
            for number in 2...3 { try await record(number, memory, in: market.client) }
            #expect(try await stored(in: market.client).state.payments == 2)
            #expect(try await Verification.run(on: market.client).agrees)
        }
    }

    @Test("memory has an end: what was written long ago goes first")
    func forgotten() {
        let memory = WindowMemory()
        func key(_ number: Int) -> WindowKey { WindowKey(resourceID: BillingFixture.topic, uid: UID(stored: "UID_\(number)")) }
        func window(_ number: Int) -> PlacedWindow {
            PlacedWindow(
                state: WindowState(
                    payEndTime: Instant(milliseconds: Int64(number) + 4), lastEventTime: Instant(milliseconds: Int64(number) + 3),
                    plainSince: Instant(milliseconds: Int64(number) + 2), payments: number, unmatched: number + 1),
                version: Int64(number) + 5, place: RowPlace(block: UInt32(number), number: UInt16(number % 200)))
        }
        let all = 3 * WindowMemory.capacity
        func remembered(_ numbers: Range<Int>) -> Int {
            zip(memory.windows(of: numbers.map(key)), numbers).count { found, number in
                if let found { #expect(found == window(number), "\(number)") }
                return found != nil
            }
        }
        for first in stride(from: 0, to: all, by: 1_024) {
            memory.remember((first..<first + 1_024).map { (key($0), window($0)) })
        }
        // Of those that neighbours compete for some younger ones are lost: the last one of a batch never.
        #expect(remembered(0..<all) > WindowMemory.capacity * 9 / 10)
        #expect(remembered(0..<WindowMemory.capacity) < WindowMemory.capacity / 10)
        #expect(remembered(all - WindowMemory.capacity / 2..<all) > WindowMemory.capacity / 2 * 8 / 10)
        #expect(memory.windows(of: [key(all - 1), key(-1), key(all)]) == [window(all - 1), nil, nil])
        // Written again: in its old place, as it is now.
        memory.remember([(key(all - 1), window(7))])
        #expect(memory.windows(of: [key(all - 1)]) == [window(7)])
        memory.forget()
        #expect(remembered(all - 2_000..<all) == 0)
        memory.remember([(key(1), window(1))])
        #expect(memory.windows(of: [key(1)]) == [nil], "not for a while")
    }
}
