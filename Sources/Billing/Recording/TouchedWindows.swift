import ProductCatalog

/// The windows that the submissions of a batch touch if they are good: in the order of the key, and of each submission where its own are among them.
///
/// What a batch knows of its windows lies in arrays in this order: a key is hashed and compared here, and nowhere behind it.
struct TouchedWindows {
    /// In ascending order, each once.
    let keys: [WindowKey]
    /// Places in `keys`, those of one submission after those of the one before it.
    private let places: [Int]
    /// Of each submission: where its places end.
    private let ends: [Int]

    /// - Parameter bundles: by the number of a product, what it bundles; nil for one that is not known.
    init(_ submissions: [Submission], of products: BatchProducts, bundling bundles: [[Resource.ID]?]) {
        var touches: [(subscriber: Int, resource: Resource.ID)] = []
        var ends: [Int] = []
        var subscribers = Subscribers(minimumCapacity: submissions.count)
        touches.reserveCapacity(2 * submissions.count)
        ends.reserveCapacity(submissions.count)
        for (submission, product) in zip(submissions, products.numbers) {
            if let bundle = bundles[product], let uid = UID(submission.message.uid) {
                let subscriber = subscribers.number(of: uid)
                for resource in bundle { touches.append((subscriber, resource)) }
            }
            ends.append(touches.count)
        }
        // Numbers are cheaper to sort than texts, and many a subscriber stands behind several touches.
        let ranks = subscribers.ranks()
        for index in touches.indices { touches[index].subscriber = ranks[touches[index].subscriber] }
        let order = touches.indices.sorted {
            (touches[$0].subscriber, touches[$0].resource) < (touches[$1].subscriber, touches[$1].resource)
        }
        var keys: [WindowKey] = []
        keys.reserveCapacity(touches.count)
        var places = Array(repeating: 0, count: touches.count)
        var last: (subscriber: Int, resource: Resource.ID)?
        for index in order {
            let touch = touches[index]
            if last.map({ $0 == touch }) != true {
                keys.append(WindowKey(resourceID: touch.resource, uid: subscribers.sorted[touch.subscriber]))
                last = touch
            }
            places[index] = keys.count - 1
        }
        (self.keys, self.places, self.ends) = (keys, places, ends)
    }

    /// The places of a submission's windows in `keys`.
    subscript(submission: Int) -> ArraySlice<Int> {
        places[(submission == 0 ? 0 : ends[submission - 1])..<ends[submission]]
    }
}

/// The subscribers of a batch, numbered as they come.
private struct Subscribers {
    /// By what was found to be a uid, never by text that was not looked at: Swift takes a Kelvin sign for a K, and what is no uid must not stand for one.
    private var numbers: [UID: Int]
    private var uids: [UID] = []
    /// In ascending order, once they were ranked.
    private(set) var sorted: [UID] = []

    init(minimumCapacity: Int) {
        numbers = Dictionary(minimumCapacity: minimumCapacity)
    }

    mutating func number(of uid: UID) -> Int {
        if let number = numbers[uid] { return number }
        numbers[uid] = uids.count
        uids.append(uid)
        return uids.count - 1
    }

    /// By number: the place in ascending order.
    mutating func ranks() -> [Int] {
        let order = uids.indices.sorted { uids[$0] < uids[$1] }
        sorted = order.map { uids[$0] }
        var ranks = Array(repeating: 0, count: uids.count)
        for (rank, number) in order.enumerated() { ranks[number] = rank }
        return ranks
    }
}
