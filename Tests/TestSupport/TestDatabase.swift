import Foundation
import Logging
import PGClient
import PostgresCluster
import ServiceLifecycle

/// A database of a test's own on the shared cluster, cloned from a template that has the migrations applied.
public struct TestDatabase: Sendable {
    public let url: String
    public let cluster: PrivateCluster

    public init(url: String, cluster: PrivateCluster) {
        self.url = url
        self.cluster = cluster
    }

    /// More than a machine of some cores has work for at once, and far more than tests that take two databases: these could wait for each other.
    private static let lodging = Lodging(rooms: 32)

    /// Lends the body a fresh database and drops it afterwards.
    public static func with<R>(_ migrations: [Migration] = [], _ body: (TestDatabase) async throws -> R) async throws -> R {
        try await lodging.lodge { try await fresh(migrations, body) }
    }

    private static func fresh<R>(_ migrations: [Migration], _ body: (TestDatabase) async throws -> R) async throws -> R {
        let cluster = try TestCluster.shared.get()
        let template = try await Templates.shared.name(for: migrations, on: cluster)
        let name = "t_\(UUID().uuidString.replacing("-", with: "").lowercased())"
        try await administer(cluster) { try await $0.script("create database \(name) template \(template)") }
        let database = TestDatabase(url: cluster.socketURL(database: name), cluster: cluster)
        do {
            let result = try await body(database)
            try await administer(cluster) { try await $0.script("drop database \(name) with (force)") }
            return result
        } catch {
            try await administer(cluster) { try await $0.script("drop database \(name) with (force)") }
            throw error
        }
    }

    /// Runs a script as the database's owner: what the server's role is refused.
    public func asOwner(_ script: String) async throws {
        let connection = try await AdministrativeConnection(url, logger: quiet)
        do {
            try await connection.script(script)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }

    fileprivate static func administer(_ cluster: PrivateCluster, _ body: (AdministrativeConnection) async throws -> Void) async throws {
        let connection = try await AdministrativeConnection(cluster.socketURL(), logger: quiet)
        do {
            try await body(connection)
            await connection.close()
        } catch {
            await connection.close()
            throw error
        }
    }
}

/// Makes each template once, however many tests ask for it at once.
private actor Templates {
    static let shared = Templates()
    private var made: [String: Task<String, any Error>] = [:]

    func name(for migrations: [Migration], on cluster: PrivateCluster) async throws -> String {
        let key = migrations.map { "\($0.number)\($0.sql)" }.joined()
        if let task = made[key] { return try await task.value }
        let name = "template_\(made.count)"
        // Unstructured, because it is shared: the tests that wait for it come and go.
        let task = Task {
            try await TestDatabase.administer(cluster) { try await $0.script("create database \(name)") }
            if !migrations.isEmpty {
                _ = try await Migrator(migrations).migrate(.init(url: cluster.socketURL(database: name)), logger: quiet)
            }
            return name
        }
        made[key] = task
        return try await task.value
    }
}

/// Says nothing below an error: tests provoke warnings by the dozen.
public let quiet: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .error
    return logger
}()

/// Runs services around a body, and shuts them down gracefully after it, as a server would.
public func withServices<R: Sendable>(_ services: [any Service], _ body: @Sendable () async throws -> R) async throws -> R {
    let group = ServiceGroup(
        configuration: .init(services: services.map { .init(service: $0, successTerminationBehavior: .ignore) }, logger: quiet))
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        let result: Result<R, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
        return try result.get()
    }
}

/// Lends a running client of a URL.
public func withClient<R: Sendable>(
    _ url: String, _ configure: (inout PGClient.Configuration) -> Void = { _ in }, _ body: @Sendable (PGClient) async throws -> R
) async throws -> R {
    var configuration = PGClient.Configuration(url: url)
    configure(&configuration)
    let client = PGClient(configuration, logger: quiet)
    return try await withServices([client]) { try await body(client) }
}
