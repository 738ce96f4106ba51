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

    /// Whether a header is this one. What its time tells is told only to the connection that sent both.
    func are(_ header: UnsafeRawBufferPointer) -> Bool {
        self.header.withUnsafeBytes { $0.count == header.count && $0.elementsEqual(header) }
    }
}
