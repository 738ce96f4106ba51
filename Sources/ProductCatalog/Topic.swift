import PGClient

/// One kind of message of an app, sent to all who follow it.
public struct Topic: Sendable {
    public typealias ID = Identifier<Topic>

    public let id: ID
    public let appID: App.ID
    public let name: String
    public let description: String?
    public let createdAt: Instant

    public struct Draft: Sendable {
        public let name: String
        public let description: String?

        /// - Throws: `InvalidFields` that name each field at fault.
        public init(name: String, description: String?) throws(InvalidFields) {
            var check = FieldCheck()
            check.text(name, "/name", length: 1...100)
            if let description { check.text(description, "/description", length: 0...1000, multiline: true) }
            try check.finish()
            self.name = name
            self.description = description
        }
    }
}

extension Topic: PGRowDecodable {
    public init(row: PGRow) throws(PGError) {
        (id, appID, name, description, createdAt) = try row.decode()
    }
}

extension Topic {
    static func insert(_ draft: Draft, in app: App.ID, of publisher: Publisher.ID) -> Query<Topic> {
        SQL(
            """
            insert into resource (publisher_id, app_id, kind, name, description)
            values (\(publisher), \(app), 2, \(draft.name), \(draft.description))
            returning id, app_id, name, description, created_at
            """
        ).one()
    }

    /// The topics of an app, newest first, below the one that the last page ended with.
    public static func page(of app: App.ID, of publisher: Publisher.ID, below: ID?, limit: Int) -> Query<[Topic]> {
        SQL(
            """
            select id, app_id, name, description, created_at
            from resource
            where app_id = \(app) and publisher_id = \(publisher) and id < coalesce(\(below), 9223372036854775807)
            order by id desc
            limit \(limit)
            """
        ).all()
    }
}
