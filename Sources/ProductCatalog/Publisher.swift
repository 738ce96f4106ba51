import PGClient

/// A developer account: it owns apps, topics and products.
public struct Publisher: Sendable {
    public typealias ID = Identifier<Publisher>

    public let id: ID
    public let name: String
    public let email: String
    public let createdAt: Instant

    /// A publisher to be, checked.
    public struct Draft: Sendable {
        public let name: String
        public let email: String

        /// - Throws: `InvalidFields` that name each field at fault.
        public init(name: String, email: String) throws(InvalidFields) {
            var check = FieldCheck()
            check.text(name, "/name", length: 1...100)
            check.text(email, "/email", length: 3...254)
            let parts = email.split(separator: "@", omittingEmptySubsequences: false)
            let address = parts.count == 2 && parts.allSatisfy { !$0.isEmpty } && !email.contains(" ")
            check.require(address, "/email", "an address such as a@example.com")
            try check.finish()
            self.name = name
            self.email = email
        }
    }
}

extension Publisher: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        (id, name, email, createdAt) = try row.decode()
    }
}
