import Testing

@testable import MarketServer

@Suite("Places for requests of a costly kind")
struct PlacesTests {
    /// Long enough for the slowest machine; what waits so long has failed.
    private static let long: Duration = .seconds(30)

    private static func untilWaiting(_ count: Int, _ places: Places) async {
        let deadline = ContinuousClock.now + long
        while places.waiting != count, ContinuousClock.now < deadline { await Task.yield() }
        #expect(places.waiting == count)
    }

    private static func isFree(_ places: Places) -> Bool {
        do throws(RequestError) { return withExtendedLifetime(try places.take(for: "tests")) { true } } catch { return false }
    }

    @Test("a place that is let go of is taken by who waits the longest, and by nobody before")
    func inTurn() async throws {
        let places = Places(2)
        var held: [Places.Place] = [try places.take(for: "tests"), try places.take(for: "tests")]
        let (order, took) = AsyncStream.makeStream(of: (Int, Places.Place).self)
        var taken = order.makeAsyncIterator()
        try await withThrowingTaskGroup { group in
            for number in 1...3 {
                group.addTask { took.yield((number, try await places.take(for: "tests", within: Self.long))) }
                await Self.untilWaiting(number, places)
            }
            #expect(!Self.isFree(places))
            for number in 1...3 {
                held.removeFirst()
                let next = try #require(await taken.next())
                #expect(next.0 == number)
                held.append(next.1)
                #expect(places.waiting == 3 - number && !Self.isFree(places))
            }
            try await group.waitForAll()
        }
        held = []
        #expect(Self.isFree(places))
    }

    @Test("who has waited in vain, or no longer wants one, leaves the line and takes none with him")
    func leaving() async throws {
        let places = Places(1)
        let held = try places.take(for: "tests")
        await #expect(throws: RequestError.self) { try await places.take(for: "tests", within: .milliseconds(1)) }
        #expect(places.waiting == 0)
        await #expect(throws: CancellationError.self) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { _ = try await places.take(for: "tests", within: Self.long) }
                await Self.untilWaiting(1, places)
                group.cancelAll()
                try await group.waitForAll()
            }
        }
        #expect(places.waiting == 0 && !Self.isFree(places))
        withExtendedLifetime(held) {}
    }

    @Test("of hundreds that come, wait, give up and are cancelled at random, none takes a place away for good")
    func storm() async throws {
        let places = Places(3)
        await withTaskGroup { group in
            for number in 0..<600 {
                group.addTask {
                    await withTaskGroup(of: Void.self) { one in
                        one.addTask {
                            // In vain, or not: the places are counted at the end.
                            guard let place = try? await places.take(for: "tests", within: .microseconds(number % 400)) else { return }
                            await Task.yield()
                            withExtendedLifetime(place) {}
                        }
                        if number.isMultiple(of: 3) { one.cancelAll() }
                    }
                }
            }
        }
        #expect(places.waiting == 0)
        var held: [Places.Place] = []
        while let place = try? places.take(for: "tests") { held.append(place) }
        #expect(held.count == 3)
    }
}
