import ProductCatalog
import Testing

@testable import Billing

@Suite("The windows that a batch moves")
struct WindowUpdateTests {
    /// One payment, judged good, for a product of two resources, beside windows that were reckoned of what the product was taken to bundle.
    private func update(bundling guess: [Int64]?) throws -> WindowUpdate {
        let submission = BillingFixture.submission(BillingFixture.sample)
        let product = ResolvedProduct(
            productID: MessageProduct.ID(rawValue: 12), appID: App.ID(rawValue: 1), commissionBps: 0,
            resourceIDs: [Resource.ID(rawValue: 7), Resource.ID(rawValue: 8)])
        var judgement = Judgement(known: [], now: Instant(milliseconds: 1_700_000_000_000))
        judgement.judge(
            submission, Resolution(index: 0, publisherID: BillingFixture.tides, inboundAppID: nil, product: product))
        try #require(judgement.accepted.count == 1)
        let touched = TouchedWindows(
            [submission], of: BatchProducts([submission]), bundling: [guess?.map(Resource.ID.init(rawValue:))])
        return try WindowUpdate(judgement, touching: touched, windows: touched.keys.map { _ in nil }, known: [])
    }

    @Test("are all that its events' products bundle")
    func all() throws {
        _ = try update(bundling: [7, 8])
    }

    @Test("or nothing is recorded: no payment without what it bought", arguments: [nil, [], [7]] as [[Int64]?])
    func fewer(guess: [Int64]?) {
        #expect(throws: UnmovedWindow.self) { try update(bundling: guess) }
    }
}
