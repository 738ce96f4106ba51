import Billing
import Foundation
import PGClient
import ProductCatalog

/// Opens the demo market of `market dev`: made and filled at the first start, filled to the end at the next when that was interrupted, and opened with
/// new secrets from then on.
struct DemoOpening: Sendable {
    /// Where the plan of the history is kept: beside the database that is filled by it.
    let folder: URL
    let client: PGClient
    let recorder: EventRecorder
    let say: @Sendable (String) -> Void

    /// - Parameter events: of the history, where it is not begun yet.
    func market(events: Int) async throws -> DemoMarket {
        let catalog = Catalog(database: client)
        let kept = try DemoPlan.kept(in: folder)
        let found = try await DemoMarket.reopen(in: catalog)
        // Without a plan it was made before plans were kept.
        if let found, kept?.isComplete ?? true { return found }
        var plan: DemoPlan
        if let kept, !kept.isComplete {
            say("the last start was interrupted while it filled the demo market: completing that now")
            plan = kept
        } else {
            plan = DemoPlan(events: events, seed: 1)
            try plan.keep(in: folder)
        }
        say("seeding a demo market with \(plan.events) payment events …")
        let market: DemoMarket = if let found { found } else { try await DemoMarket.make(in: catalog) }
        try await market.list(in: catalog)
        try await market.record(plan, with: recorder, on: client)
        plan.isComplete = true
        try plan.keep(in: folder)
        return market
    }
}
