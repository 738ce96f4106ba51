import Foundation
import PGClient

/// A publisher's program: it sends messages to one person, receives callbacks, and has topics.
public struct App: Sendable {
    public typealias ID = Identifier<App>

    public let id: ID
    public let name: String
    public let callbackURL: String?
    public let contact: String?
    public let followTip: String?
    public let description: String?
    /// The app's number on the hosted platform, where it has one.
    public let externalID: Int64?
    public let createdAt: Instant

    /// What an app is made of; also what a change leaves of it.
    public struct Draft: Sendable, Equatable {
        public var name: String
        public var callbackURL: String?
        public var contact: String?
        public var followTip: String?
        public var description: String?
        public var externalID: Int64?

        public init(
            name: String, callbackURL: String? = nil, contact: String? = nil, followTip: String? = nil, description: String? = nil,
            externalID: Int64? = nil
        ) {
            self.name = name
            self.callbackURL = callbackURL
            self.contact = contact
            self.followTip = followTip
            self.description = description
            self.externalID = externalID
        }

        /// - Throws: `InvalidFields` that name each field at fault.
        public func validated() throws(InvalidFields) -> Draft {
            var check = FieldCheck()
            check.text(name, "/name", length: 1...100)
            if let callbackURL { check.callbackURL(callbackURL, "/callbackUrl") }
            if let contact { check.text(contact, "/contact", length: 1...200) }
            if let followTip { check.text(followTip, "/followTip", length: 0...500, multiline: true) }
            if let description { check.text(description, "/description", length: 0...1000, multiline: true) }
            if let externalID { check.externalID(externalID, "/externalId") }
            try check.finish()
            return self
        }
    }

    public var draft: Draft {
        Draft(
            name: name, callbackURL: callbackURL, contact: contact, followTip: followTip, description: description, externalID: externalID)
    }

    /// The secrets of a new app: shown this once.
    public struct Secrets: Sendable {
        public let appToken = AccessToken.make(.appToken)
        public let webhookSecret = AccessToken.make(.webhookSecret)
        public let inboundKey = AccessToken.make(.inboundKey)
    }
}

extension FieldCheck {
    mutating func callbackURL(_ value: String, _ pointer: String) {
        let scalars = value.unicodeScalars
        let address =
            value.wholeMatch(of: /https?:\/\/([0-9A-Za-z][0-9A-Za-z._-]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([\/?].*)?/) != nil
            && (8...1000).contains(scalars.count) && !scalars.contains { $0 == " " || $0.properties.generalCategory == .control }
        require(
            address && URL(string: value).map { ($0.port ?? 1) <= 65_535 && $0.port != 0 } == true, pointer,
            "an http or https address of at most 1000 characters, its host in ASCII and no user name in it")
    }

    mutating func externalID(_ value: Int64, _ pointer: String) {
        require((1...WireInteger.max).contains(value), pointer, "1 to 9007199254740991")
    }
}
