/// A message on its way by one of the routes. What the quarantine keeps of it is its bytes, and these differ by route.
struct Sending: Sendable, Hashable {
    enum Route: Sendable {
        /// One message a request.
        case callback
        /// One message a line, many lines a request.
        case backfill
    }

    let message: Message
    let route: Route

    var identity: Message.Identity { message.identity }
    var body: String { route == .callback ? message.callback : message.data }
}

/// What an answer says of a message.
enum Answer: Sendable, Equatable {
    case recorded
    case duplicate
    /// In quarantine, under a number.
    case kept(Int64)
    /// 503: nothing is said of it.
    case later
    /// The connection was refused, or lost before the answer.
    case none
    /// Anything else, which no fault excuses.
    case wrong(String)
}
