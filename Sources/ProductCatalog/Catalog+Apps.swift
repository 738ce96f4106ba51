import PGClient

extension Catalog {
    /// Makes an app with its secrets, which cannot be read again.
    ///
    /// - Throws: `CatalogError.externalIDTaken`, `InvalidFields`.
    public func createApp(_ draft: App.Draft, of publisher: Publisher.ID) async throws -> (App, App.Secrets) {
        try await alone(publisher) { try await createApp(draft, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func createApp(_ draft: App.Draft, of publisher: Publisher.ID, in transaction: PGTransaction) async throws -> (App, App.Secrets)
    {
        let draft = try draft.validated()
        let secrets = App.Secrets()
        let app = try await translatingExternalID(draft.externalID) { () throws(PGError) in
            try await transaction.run(App.insert(draft, of: publisher, secrets: secrets))
        }
        return (app, secrets)
    }

    /// The publisher's apps, newest first.
    public func apps(of publisher: Publisher.ID, below: App.ID?, limit: Int) async throws -> [App] {
        try await database.run(App.page(of: publisher, below: below, limit: limit), of: publisher)
    }

    /// - Throws: `CatalogError.notFound`.
    public func app(_ id: App.ID, of publisher: Publisher.ID) async throws -> App {
        guard let app = try await database.run(App.with(id, of: publisher), of: publisher) else { throw CatalogError.notFound("app") }
        return app
    }

    /// Changes an app. The change sees what the app is and says what it shall be; no other change comes between.
    ///
    /// - Throws: `CatalogError.notFound`, `externalIDTaken`, `InvalidFields`, and what the change throws.
    public func updateApp(
        _ id: App.ID, of publisher: Publisher.ID, change: @Sendable (App.Draft) throws -> App.Draft
    ) async throws -> App {
        try await alone(publisher) { try await updateApp(id, of: publisher, in: $0, change: change) }
    }

    /// As above, in a transaction of the publisher.
    public func updateApp(
        _ id: App.ID, of publisher: Publisher.ID, in transaction: PGTransaction, change: @Sendable (App.Draft) throws -> App.Draft
    ) async throws -> App {
        guard let app = try await transaction.run(App.locked(id, of: publisher)) else { throw CatalogError.notFound("app") }
        let draft = try change(app.draft).validated()
        _ = try await translatingExternalID(draft.externalID) { () throws(PGError) in
            try await transaction.run(App.update(id, of: publisher, to: draft))
        }
        guard let changed = try await transaction.run(App.with(id, of: publisher)) else { throw CatalogError.notFound("app") }
        return changed
    }

    /// Gives the app another token; the old one opens nothing from the commit on.
    ///
    /// - Throws: `CatalogError.notFound`.
    public func rotateAppToken(of id: App.ID, of publisher: Publisher.ID) async throws -> AccessToken {
        try await alone(publisher) { try await rotateAppToken(of: id, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func rotateAppToken(of id: App.ID, of publisher: Publisher.ID, in transaction: PGTransaction) async throws -> AccessToken {
        try await replaceSecret(.appToken, in: transaction) { App.replaceToken(of: id, of: publisher, with: $0) }
    }

    /// Gives the app another inbound key; the old one opens nothing from the commit on.
    ///
    /// - Throws: `CatalogError.notFound`.
    public func rotateInboundKey(of id: App.ID, of publisher: Publisher.ID) async throws -> AccessToken {
        try await alone(publisher) { try await rotateInboundKey(of: id, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func rotateInboundKey(of id: App.ID, of publisher: Publisher.ID, in transaction: PGTransaction) async throws -> AccessToken {
        try await replaceSecret(.inboundKey, in: transaction) { App.replaceInboundKey(of: id, of: publisher, with: $0) }
    }

    private func replaceSecret(
        _ kind: AccessToken.Kind, in transaction: PGTransaction, by replace: (TokenDigest) -> Query<Int>
    ) async throws -> AccessToken {
        let secret = AccessToken.make(kind)
        guard try await transaction.run(replace(secret.digest)) == 1 else { throw CatalogError.notFound("app") }
        return secret
    }

    /// Makes a topic of an app.
    ///
    /// - Throws: `CatalogError.notFound` when the publisher has no such app.
    public func createTopic(_ draft: Topic.Draft, in app: App.ID, of publisher: Publisher.ID) async throws -> Topic {
        try await alone(publisher) { try await createTopic(draft, in: app, of: publisher, in: $0) }
    }

    /// As above, in a transaction of the publisher.
    public func createTopic(
        _ draft: Topic.Draft, in app: App.ID, of publisher: Publisher.ID, in transaction: PGTransaction
    ) async throws -> Topic {
        do throws(PGError) {
            return try await transaction.run(Topic.insert(draft, in: app, of: publisher))
        } catch {
            guard error.constraint == "resource_topic_of_own_app" else { throw error }
            throw CatalogError.notFound("app")
        }
    }

    /// The topics of an app, newest first.
    ///
    /// - Throws: `CatalogError.notFound` when the publisher has no such app.
    public func topics(of app: App.ID, of publisher: Publisher.ID, below: Topic.ID?, limit: Int) async throws -> [Topic] {
        let (_, known, topics) = try await database.run(
            Tenant.enter(publisher), App.with(app, of: publisher), Topic.page(of: app, of: publisher, below: below, limit: limit))
        guard known != nil else { throw CatalogError.notFound("app") }
        return topics
    }

    private func translatingExternalID<R>(_ externalID: Int64?, _ write: () async throws(PGError) -> R) async throws -> R {
        do throws(PGError) {
            return try await write()
        } catch {
            guard let externalID, error.constraint == "app_external_id_unique" else { throw error }
            throw CatalogError.externalIDTaken(externalID)
        }
    }
}
