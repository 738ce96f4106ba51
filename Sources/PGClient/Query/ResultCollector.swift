import CLibPQ

/// Takes the results of a pipeline over from libpq, one after another.
struct ResultCollector {
    private(set) var results: [PGResult] = []
    private var copied: CopiedResults?
    /// Results that are still to come.
    private var left: Int

    init(_ count: Int) {
        left = count
        results.reserveCapacity(count + 1)
    }

    mutating func take(_ result: OpaquePointer) {
        guard let size = CopiedResults.Size(result) else { return append(PGResult(result)) }
        defer { PQclear(result) }
        if let copied, let place = copied.append(result, size) { return append(PGResult(copied, at: place)) }
        // Those to come are mostly like this one.
        let new = CopiedResults.make(max(size.bytes, min(size.bytes * max(left, 1), 16_384)))
        copied = new
        guard let place = new.append(result, size) else { preconditionFailure("there is room for the first") }
        append(PGResult(new, at: place))
    }

    mutating func append(_ result: PGResult) {
        results.append(result)
        left -= 1
    }
}
