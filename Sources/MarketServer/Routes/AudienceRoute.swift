import Billing
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import PGClient
import ProductCatalog
import Synchronization

/// `GET /v1/resources/{resourceId}/audience`: who a message about the resource may reach, streamed, or how many.
struct AudienceRoute: Sendable {
    let database: PGClient
    let resources: ResourceDirectory
    let streams: AudienceStreams

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
            let (instant, number) = try await audience.count(in: database)
            return .json(bytes: Array("{\"count\":\(number),\"at\":\(instant.milliseconds)}".utf8), status: .ok)
        }
        guard let place = streams.take() else { throw RequestError.notReady("As many audiences as may be are being read at this moment.") }
        let format = Format(accept: request.headers[.accept])
        if request.method == .head {
            // Without a length given, the server would say that there is nothing to read.
            var length = LengthWriter()
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
                    try await Self.write(audience, as: format, from: database, to: &writer)
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

/// How many audiences may be streamed at once. Each has a connection to the database for as long as its reader takes, so they must leave some to
/// those who ask short questions.
final class AudienceStreams: Sendable {
    private let free: Atomic<Int>

    init(atMost limit: Int) {
        free = Atomic(limit)
    }

    /// A place among the readers, given up when it is let go of.
    final class Place: Sendable {
        private let streams: AudienceStreams

        fileprivate init(_ streams: AudienceStreams) {
            self.streams = streams
        }

        deinit { streams.free.add(1, ordering: .relaxed) }
    }

    /// Nil when all places are taken.
    func take() -> Place? {
        if free.subtract(1, ordering: .relaxed).newValue >= 0 { return Place(self) }
        free.add(1, ordering: .relaxed)
        return nil
    }
}
