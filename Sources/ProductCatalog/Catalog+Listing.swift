import PGClient

extension Catalog {
    /// The operator's decision on a product that waits for it.
    ///
    /// - Throws: `CatalogError.notFound`; `moveNotAllowed` when the product does not wait for review.
    public func review(_ product: MessageProduct.ID, _ review: Listing.Review, actor: String) async throws -> MessageProduct {
        try await database.transaction(attempts: 3) { try await self.review(product, review, actor: actor, in: $0) }
    }

    /// As above, in a transaction outside any publisher's walls.
    public func review(
        _ product: MessageProduct.ID, _ review: Listing.Review, actor: String, in transaction: PGTransaction
    ) async throws -> MessageProduct {
        let (state, commission, reason): (Listing.State, Int?, String?) =
            switch review {
            case .approve(let commissionBps, let reason): (.listed, commissionBps, reason)
            case .reject(let reason): (.rejected, nil, reason)
            }
        try await move(product, to: state, commissionBps: commission, actor: actor, reason: reason, in: transaction) { last in
            // A delisted product may be listed again too, but not by a review.
            guard last.to == .pendingReview else { throw CatalogError.moveNotAllowed(from: last.to, to: state) }
            return true
        }
        return try await moved(product, of: nil, in: transaction)
    }

    /// Takes a product off the market or puts it back; the state that it has already is no move.
    ///
    /// - Parameter publisher: whose product it must be; nil for the operator.
    /// - Throws: `CatalogError.notFound`, `moveNotAllowed`.
    public func setListing(
        _ product: MessageProduct.ID, to state: Listing.State, actor: String, reason: String?, publisher: Publisher.ID?
    ) async throws -> MessageProduct {
        let body: (PGTransaction) async throws -> MessageProduct = {
            try await setListing(product, to: state, actor: actor, reason: reason, publisher: publisher, in: $0)
        }
        guard let publisher else { return try await database.transaction(attempts: 3, body) }
        return try await alone(publisher, body)
    }

    /// As above, in a transaction of the publisher, or outside any publisher's walls for the operator.
    public func setListing(
        _ product: MessageProduct.ID, to state: Listing.State, actor: String, reason: String?, publisher: Publisher.ID?,
        in transaction: PGTransaction
    ) async throws -> MessageProduct {
        _ = try await moved(product, of: publisher, in: transaction)
        try await move(product, to: state, commissionBps: nil, actor: actor, reason: reason, in: transaction) { last in
            if last.to == state { return false }
            // Only a review leads out of pending_review, whatever the table of moves allows.
            guard last.to != .pendingReview, last.to.next.contains(state) else {
                throw CatalogError.moveNotAllowed(from: last.to, to: state)
            }
            return true
        }
        return try await moved(product, of: publisher, in: transaction)
    }

    /// Others may move the product at the same time: who comes second looks again at where it stands.
    private static let attempts = 10

    /// Appends a move if `allowed` says so of the last one.
    private func move(
        _ product: MessageProduct.ID, to state: Listing.State, commissionBps: Int?, actor: String, reason: String?,
        in transaction: PGTransaction, _ allowed: (Listing.Move) throws -> Bool
    ) async throws {
        for _ in 0..<Self.attempts {
            guard let last = try await transaction.run(Listing.last(of: product)) else { throw CatalogError.notFound("product") }
            guard try allowed(last) else { return }
            let append = Listing.append(last, to: state, of: product, commissionBps: commissionBps, actor: actor, reason: reason)
            if try await transaction.run(append) == 1 { return }
        }
        throw CatalogError.moveContended(product)
    }

    private func moved(
        _ id: MessageProduct.ID, of publisher: Publisher.ID?, in transaction: PGTransaction
    ) async throws -> MessageProduct {
        let query = publisher.map { MessageProduct.with(id, of: $0) } ?? MessageProduct.with(id)
        guard let product = try await transaction.run(query) else { throw CatalogError.notFound("product") }
        return product
    }
}
