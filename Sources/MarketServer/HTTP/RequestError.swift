/// What is wrong with a request before the domain has seen it.
enum RequestError: Error, Sendable, Equatable {
    /// No token was sent.
    case tokenMissing
    /// The token is unknown or revoked.
    case tokenUnknown
    /// The token's kind or scope may not do this; says what may.
    case forbidden(String)
    /// A query parameter or header that is malformed or given twice.
    case malformedParameter(String, String)
    /// The body is of another media type than the route takes.
    case mediaType(expected: String)
    /// The body is longer than the route takes.
    case tooLarge(limit: Int)
    /// The body ended before its declared length, or could not be read.
    case bodyBroken
    /// The Idempotency-Key was sent before, with another request.
    case idempotencyKeyReused
    /// What is asked for does not go with the state that the thing is in; says which.
    case stateForbids(String)
    /// The server is not ready; says why.
    case notReady(String)
}
