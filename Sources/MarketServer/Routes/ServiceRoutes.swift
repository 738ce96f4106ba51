import Foundation
import HTTPTypes
import Hummingbird
import MarketSchema
import NIOCore
import PGClient
import ServiceLifecycle

/// Health, readiness, metrics and the contract.
struct ServiceRoutes: Sendable {
    let services: AppServices

    var routes: [Route] {
        [
            Route(.get, "/healthz", .anyone) { _, _ in .json(bytes: Self.healthy, status: .ok) },
            Route(.get, "/readyz", .anyone, readiness),
            Route(.get, "/metrics", .anyone, metrics),
            Route(.get, "/openapi.yaml", .anyone) { _, _ in
                Response(
                    status: .ok, headers: [.contentType: "application/yaml"], body: .init(byteBuffer: ByteBuffer(string: Schema.contract)))
            },
        ]
    }

    private static let healthy = Array(#"{"status":"ok"}"#.utf8)

    private struct Status: Encodable {
        let status: String
    }

    /// How long the database may take to answer: less than the five seconds that a caller waits for a connection, and long enough for a busy machine.
    private static let patience: Duration = .seconds(4)

    @Sendable private func readiness(_ request: Request, _ context: MarketContext) async throws -> Response {
        if Task.isShuttingDownGracefully { throw RequestError.notReady("The server is shutting down.") }
        let status: Migrator.Status?
        do {
            status = try await schemaStatus()
        } catch let error as MigrationError {
            throw RequestError.notReady("\(error).")
        }
        guard let status else { throw RequestError.notReady("The database does not answer within \(Self.patience).") }
        guard status.pending == 0 else { throw RequestError.notReady("\(MigrationError.behind(pending: status.pending)).") }
        return try .json(Status(status: "ready"))
    }

    /// Nil when the database takes too long.
    private func schemaStatus() async throws -> Migrator.Status? {
        try await withThrowingTaskGroup(of: Migrator.Status?.self) { group in
            group.addTask {
                let status = try await services.schema.status(of: services.database)
                // Recording has connections of its own. Where it has none it may not be able to make one, or pause because it could not a moment ago.
                guard services.recording.metrics.open == 0 else { return status }
                return try await services.schema.status(of: services.recording)
            }
            group.addTask {
                try await Task.sleep(for: Self.patience)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
    }

    @Sendable private func metrics(_ request: Request, _ context: MarketContext) async throws -> Response {
        let process = MetricsRegistry.Reading.process(startedAt: services.startedAt)
        let pool = MetricsRegistry.Reading.pool(services.database.metrics + services.recording.metrics)
        return Response(
            status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
            body: .init(byteBuffer: ByteBuffer(string: services.metrics.text(process + pool))))
    }
}
