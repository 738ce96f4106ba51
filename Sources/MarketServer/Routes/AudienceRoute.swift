import Billing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PGClient
import ProductCatalog

/// `GET /v1/resources/{resourceId}/audience`: who a message about the resource may reach, streamed, or how many.
struct AudienceRoute: Sendable {
    let database: PGClient
    let resources: ResourceDirectory
    /// A connection to the database is lent to each audience for as long as its reader takes.
    private let streams: Places
    /// And to each count, for as long as that takes.
    private let counts: Places

    /// - Parameter connections: of the client, of which one at least is not lent to audiences, where it has more than two.
    init(database: PGClient, resources: ResourceDirectory, connections: Int) {
        self.database = database
        self.resources = resources
        streams = Places(max(1, connections / 2))
        counts = Places(max(1, connections / 4))
    }

    func audience(_ request: Request, _ context: MarketContext) async throws -> Response {
        let publisher = try context.requirePublisher()
        let resource: Resource.ID = try context.id("resourceId")
        let query = QueryParameters(request)
        let modeText = try query.text("mode") ?? Audience.Mode.paid.rawValue
        guard let mode = Audience.Mode(rawValue: modeText) else { throw RequestError.malformedParameter("mode", "paid, unpaid or all") }
        let count = try query.text("count")
        guard count == nil || count == "only" else { throw RequestError.malformedParameter("count", "only, or left out") }
        let audience = Audience(of: resource, mode: mode, at: try query.instant("at"), knownAt: try query.instant("knownAt"))
        try await resources.requireAccess(to: resource, for: context.principal)
        if count != nil {
            let place = try counts.take(for: "counts of audiences")
            defer { withExtendedLifetime(place) {} }
            let (instant, number) = try await audience.count(in: database)
            return .json(bytes: Array("{\"count\":\(number),\"at\":\(instant.milliseconds)}".utf8), status: .ok)
        }
        let place = try streams.take(for: "audiences")
        let format = Format(accept: request.headers[.accept])
        if request.method == .head {
            // Without a length given, the server would say that there is nothing to read.
            var length = LengthWriter()
            defer { withExtendedLifetime(place) {} }
            try await Self.write(audience, as: format, from: database, to: &length)
            return Response(status: .ok, headers: [.contentType: format.mediaType, .contentLength: "\(length.bytes)"])
        }
        let database = database
        let logger = context.logger
        return Response(
            status: .ok, headers: [.contentType: format.mediaType],
            body: ResponseBody { writer in
                // Given back when the answer is done with, sent or not.
                defer { withExtendedLifetime(place) {} }
                do {
                    try await computingBesideTheLoop { try await Self.write(audience, as: format, from: database, to: &writer) }
                } catch {
                    logger.warning("an audience broke off", metadata: ["publisher": "\(publisher)", "error": "\(error)"])
                    throw error
                }
                try await writer.finish(nil)
            })
    }

    private static func write(
        _ audience: Audience, as format: Format, from database: PGClient, to writer: inout some ResponseBodyWriter
    ) async throws {
        if format == .csv { try await writer.write(ByteBuffer(string: "uid,payEndTime\n")) }
        try await audience.read(from: database) { batch in
            var buffer = ByteBuffer()
            buffer.reserveCapacity(batch.count * (format == .csv ? 40 : 64))
            batch.visit { uid, payEndTime in format.write(uid, payEndTime, to: &buffer) }
            try await writer.write(buffer)
        }
    }

    private enum Format {
        case ndjson
        case csv

        /// CSV where it is asked for by name and no less than NDJSON; else NDJSON.
        init(accept: String?) {
            let asked = (accept ?? "").split(separator: ",").map { $0.split(separator: ";").map { $0.filter { $0 != " " }.lowercased() } }
            func weight(_ type: String) -> Double {
                guard let parts = asked.first(where: { $0.first == type }) else { return 0 }
                return parts.dropFirst().first { $0.hasPrefix("q=") }.flatMap { Double($0.dropFirst(2)) } ?? 1
            }
            self = weight("text/csv") > weight("application/x-ndjson") ? .csv : .ndjson
        }

        var mediaType: String { self == .csv ? "text/csv" : "application/x-ndjson" }

        /// A uid has no character that either format would have to escape.
        func write(_ uid: UnsafeRawBufferPointer, _ payEndTime: UnsafeRawBufferPointer, to buffer: inout ByteBuffer) {
            switch self {
            case .csv:
                buffer.writeBytes(uid)
                buffer.writeStaticString(",")
                buffer.writeBytes(payEndTime)
                buffer.writeStaticString("\n")
            case .ndjson:
                buffer.writeStaticString("{\"uid\":\"")
                buffer.writeBytes(uid)
                buffer.writeStaticString("\",\"payEndTime\":")
                buffer.writeBytes(payEndTime)
                buffer.writeStaticString("}\n")
            }
        }
    }
}

/// Adds up what would be sent.
private struct LengthWriter: ResponseBodyWriter {
    private(set) var bytes = 0

    mutating func write(_ buffer: ByteBuffer) async throws { bytes += buffer.readableBytes }
    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
