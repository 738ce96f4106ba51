import ProductCatalog

/// The Authorization header of a request. A connection's requests mostly carry the same one, and to compare it takes less than to hash its token.
final class ExpressCredentials: Sendable {
    private let header: [UInt8]
    /// Of the token in it; nil where there is none, or none that could be somebody's.
    let digest: TokenDigest?

    init(_ header: UnsafeRawBufferPointer) {
        self.header = Array(header)
        digest = (try? Route.bearer(of: String(decoding: header, as: UTF8.self))).flatMap(Authenticator.digest)
    }

    /// Whether a header is this one, in a time that does not tell how much of it is: a proxy sends what several clients ask over one connection, and
    /// one of them must not be able to guess another's token piece by piece.
    func are(_ header: UnsafeRawBufferPointer) -> Bool {
        guard self.header.count == header.count else { return false }
        var difference: UInt8 = 0
        for (own, other) in zip(self.header, header) { difference |= own ^ other }
        return difference == 0
    }
}
