import ProductCatalog

/// What a message says of its sender and of the product that it is about.
struct ProductReference: Hashable, Sendable {
    let sender: Submission.Sender
    let appID: Int64
    let productID: Int64

    init(_ submission: Submission) {
        sender = submission.sender
        appID = submission.message.appId
        productID = submission.message.prodId
    }
}

extension ProductReference {
    var publisher: Publisher.ID? {
        if case .publisher(let publisher, _) = sender { publisher } else { nil }
    }

    var inboundApp: App.ID? {
        if case .publisher(_, let app) = sender { app } else { nil }
    }

    var inboundKey: TokenDigest? {
        if case .inboundKey(let key) = sender { key } else { nil }
    }
}
