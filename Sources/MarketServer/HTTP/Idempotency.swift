import Crypto
import HTTPTypes
import Hummingbird
import PGClient
import ProductCatalog

/// Makes creating requests safe to repeat: the same `Idempotency-Key` with the same request gives the first answer again.
///
/// The key's row is written in the transaction of the write itself, so either both are there or neither. Of two requests at once the second waits
/// on the row of the first and then repeats its answer.
struct Idempotency: Sendable {
    let database: PGClient

    /// Answers a creating request: runs the write in a transaction, the publisher's own if a publisher is calling, and answers what it returns.
    ///
    /// - Throws: `RequestError.idempotencyKeyReused`, `malformedParameter`, and what the write throws; then nothing is kept of either.
    func answer<Body: Encodable>(
        _ request: Request, _ context: MarketContext, _ body: JSONBody, status: HTTPResponse.Status = .created,
        write: @Sendable (PGTransaction) async throws -> Body
    ) async throws -> Response {
        let attempt = try Attempt(request, context, body)
        return try await transaction(context) { transaction in
            guard let attempt else { return try .json(try await write(transaction), status: status) }
            if let stored = try await attempt.claim(in: transaction) { return try attempt.replay(stored) }
            let bytes = try JSONAnswer.bytes(try await write(transaction))
            try await attempt.store(bytes, status: status, in: transaction)
            return .json(bytes: bytes, status: status)
        }
    }

    private func transaction(_ context: MarketContext, _ body: (PGTransaction) async throws -> Response) async throws -> Response {
        if case .publisher(let publisher, _, _) = context.principal { return try await database.transaction(of: publisher, body) }
        return try await database.transaction(attempts: 3, body)
    }
}

/// One request that carries a key.
private struct Attempt: Sendable {
    let principal: String
    let key: [UInt8]
    let request: [UInt8]
    let sealing: SealedAnswer

    /// Nil when the request carries no key.
    init?(_ request: Request, _ context: MarketContext, _ body: JSONBody) throws {
        let sent = request.headers[values: .idempotencyKey]
        guard let text = sent.first else { return nil }
        guard sent.count == 1 else { throw RequestError.malformedParameter("Idempotency-Key", "given twice") }
        guard (1...255).contains(text.utf8.count), text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw RequestError.malformedParameter("Idempotency-Key", "1 to 255 visible ASCII characters")
        }
        guard let bearer = context.bearer, let caller = context.principal else { throw RequestError.tokenMissing }
        principal = caller.kind + (caller.id.map { " \($0)" } ?? "")
        // A key belongs to the caller's token and to the operation, so two programs of one publisher do not meet.
        key = Self.digest([bearer, "\(request.method) \(context.route ?? "")", text].map { Array($0.utf8) })
        self.request = Self.digest([Array("\(request.method) \(request.uri.path)".utf8), body.bytes])
        sealing = SealedAnswer(bearer: bearer, idempotencyKey: text)
    }

    /// SHA-256 of the parts, each behind its length, so that no two lists of parts look alike.
    private static func digest(_ parts: [[UInt8]]) -> [UInt8] {
        var hash = SHA256()
        for part in parts {
            withUnsafeBytes(of: UInt64(part.count).bigEndian) { hash.update(bufferPointer: $0) }
            hash.update(data: part)
        }
        return Array(hash.finalize())
    }

    /// Takes the key for this transaction; the stored answer when an earlier one has it.
    func claim(in transaction: PGTransaction) async throws -> StoredAnswer? {
        // An answer that expires between the two statements is not found: then the key is free.
        for _ in 0..<3 {
            let (_, inserted) = try await transaction.run(
                StoredAnswer.dropExpired(principal, key), StoredAnswer.claim(principal, key, request))
            if inserted == 1 { return nil }
            guard let stored = try await transaction.run(StoredAnswer.with(principal, key)) else { continue }
            guard stored.request == request else { throw RequestError.idempotencyKeyReused }
            return stored
        }
        throw PGError(.server, "an idempotency key is neither free nor taken", sqlState: .serializationFailure)
    }

    func store(_ bytes: [UInt8], status: HTTPResponse.Status, in transaction: PGTransaction) async throws {
        let sealed = try sealing.seal(bytes, for: request)
        _ = try await transaction.run(StoredAnswer.store(principal, key, status: status.code, sealed: sealed))
    }

    func replay(_ stored: StoredAnswer) throws -> Response {
        var response = Response.json(bytes: try sealing.open(stored.sealed, for: request), status: .init(code: stored.status))
        response.headers[.idempotencyReplayed] = "true"
        return response
    }
}
