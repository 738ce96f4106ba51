import ProductCatalog
import TestSupport
import Testing

@testable import Billing

@Suite("The windows that a batch touches")
struct TouchedWindowsTests {
    private func submission(_ uid: String, product: Int64) -> Submission {
        var message = BillingFixture.sample
        message.uid = uid
        message.prodId = product
        return BillingFixture.submission(message)
    }

    @Test(
        "each once in the order of the key, and of each submission its own; none of what is no uid or no known product", arguments: 0..<50)
    func numbered(seed: UInt64) throws {
        var random = SeededRandomSource(seed: seed).generator
        let bundles: [Int64: [Int64]] = [1: [7], 2: [9, 7, 8], 3: [8, 1_000_000], 4: []]
        // To Swift the Kelvin sign is a K, which it is not here.
        let odd = ["", "no uid", "UID_\u{212A}", "UID_K"]
        let submissions = (0..<Int.random(in: 0...200, using: &random)).map { _ in
            let subscriber = Int.random(in: -4..<25, using: &random)
            return submission(
                subscriber < 0 ? odd[subscriber + 4] : subscriber < 20 ? "UID_\(subscriber)" : "UID_a.\(subscriber)",
                product: Int64.random(in: 1...5, using: &random))
        }
        let products = BatchProducts(submissions)
        #expect(Set(products.references).count == products.references.count)
        let touched = TouchedWindows(
            submissions, of: products, bundling: products.references.map { bundles[$0.productID]?.map(Resource.ID.init(rawValue:)) })
        #expect(zip(touched.keys, touched.keys.dropFirst()).allSatisfy { $0 < $1 }, "seed \(seed)")
        for (index, submission) in submissions.enumerated() {
            let uid = UID(submission.message.uid)
            let due = uid.map { uid in
                (bundles[submission.message.prodId] ?? []).map { WindowKey(resourceID: Resource.ID(rawValue: $0), uid: uid) }
            }
            #expect(touched[index].map { touched.keys[$0] } == due ?? [], "seed \(seed), submission \(index)")
        }
        let all = Set(submissions.indices.flatMap { touched[$0] })
        #expect(all == Set(touched.keys.indices), "seed \(seed)")
    }
}
