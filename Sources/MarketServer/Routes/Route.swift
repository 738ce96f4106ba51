import HTTPTypes
import Hummingbird
import ProductCatalog

/// One route of the contract: where it is, who may call it, and what answers.
struct Route: Sendable {
    typealias Handler = @Sendable (Request, MarketContext) async throws -> Response

    let method: HTTPRequest.Method
    /// As in openapi.yaml: "/v1/apps/{appId}".
    let path: String
    let access: Access
    private let answer: Answer
    private var isLengthy = false

    private enum Answer: Sendable {
        /// Once it is known who is calling.
        case known(Handler)
        /// Finds that out by the way.
        case asking(AskingHandler)
    }

    init(_ method: HTTPRequest.Method, _ path: String, _ access: Access, _ handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.access = access
        answer = .known(handler)
    }

    /// The same for a handler that may compute for milliseconds at a stretch: it does so beside the event loop, which others wait for.
    var besideTheLoop: Route {
        var route = self
        route.isLengthy = true
        return route
    }

    /// A handler that asks the database who is calling in the round trip of its own question.
    typealias AskingHandler = @Sendable (Request, MarketContext, Caller) async throws -> Response

    init(_ method: HTTPRequest.Method, _ path: String, _ access: Access, asking handler: @escaping AskingHandler) {
        self.method = method
        self.path = path
        self.access = access
        answer = .asking(handler)
    }

    /// Who may call a route; several kinds may.
    struct Access: Sendable, Equatable {
        private(set) var operatorToken = false
        private(set) var publisher: PublisherKey.Scope?
        private(set) var app = false

        /// Nobody needs to say who he is.
        static let anyone = Access()
        static let operatorOnly = Access(operatorToken: true)

        static func publisher(_ scope: PublisherKey.Scope) -> Access { Access(publisher: scope) }

        var orOperator: Access { with { $0.operatorToken = true } }
        var orApp: Access { with { $0.app = true } }

        var isPublic: Bool { self == .anyone }

        private func with(_ change: (inout Access) -> Void) -> Access {
            var access = self
            change(&access)
            return access
        }

        /// - Throws: `RequestError.forbidden`, which says what the route takes.
        func check(_ principal: Principal) throws(RequestError) {
            switch principal {
            case .operatorToken where operatorToken: return
            case .publisher(_, let scopes, _) where publisher.map(scopes.contains) == true: return
            case .app where app: return
            default: throw .forbidden("This takes \(wanted).")
            }
        }

        private var wanted: String {
            var kinds: [String] = []
            if let publisher { kinds.append("a publisher key with the scope \(publisher.rawValue)") }
            if app { kinds.append("an app token") }
            if operatorToken { kinds.append("the operator token") }
            return kinds.joined(separator: " or ")
        }
    }
}

/// One who is calling and has not been let in yet.
struct Caller: Sendable {
    let bearer: String
    let claim: Authenticator.Claim
    private let access: Route.Access
    private let authenticator: Authenticator

    init(bearer: String, access: Route.Access, authenticator: Authenticator) {
        self.bearer = bearer
        self.access = access
        self.authenticator = authenticator
        claim = authenticator.claim(of: bearer)
    }

    /// Asks who it is, by itself.
    func principal() async throws -> Principal? { try await authenticator.principal(bearer: bearer) }

    /// Lets the caller in, if the route takes such a one.
    ///
    /// - Throws: `RequestError.tokenUnknown`, `.forbidden`.
    func enter(as principal: Principal?, _ context: MarketContext) throws -> MarketContext {
        guard let principal else { throw RequestError.tokenUnknown }
        context.record.principal = principal
        try access.check(principal)
        var context = context
        context.principal = principal
        context.bearer = bearer
        return context
    }
}

extension Route {
    /// The handler behind the check of who is calling.
    func guarded(by services: AppServices) -> Handler {
        let handler = checked(by: services)
        guard isLengthy else { return handler }
        return { request, context in try await computingBesideTheLoop { try await handler(request, context) } }
    }

    private func checked(by services: AppServices) -> Handler {
        switch answer {
        case .known(let handler) where access.isPublic: handler
        case .known(let handler):
            { [access] request, context in
                let caller = Caller(bearer: try Self.bearer(of: request), access: access, authenticator: services.authenticator)
                return try await handler(request, caller.enter(as: caller.principal(), context))
            }
        case .asking(let handler):
            { [access] request, context in
                try await handler(
                    request, context, Caller(bearer: Self.bearer(of: request), access: access, authenticator: services.authenticator))
            }
        }
    }

    private static func bearer(of request: Request) throws(RequestError) -> String {
        guard let header = request.headers[.authorization] else { throw .tokenMissing }
        return try bearer(of: header)
    }

    /// The token in an Authorization header.
    static func bearer(of header: String) throws(RequestError) -> String {
        // As nearly all write it: found without a list of parts.
        let start = "Bearer "
        if header.utf8.starts(with: start.utf8) {
            let token = header.utf8.dropFirst(start.utf8.count)
            if !token.isEmpty, token.allSatisfy({ $0 > 0x20 && $0 < 0x80 }), let text = String(token) { return text }
        }
        // One space or several may stand between (RFC 9110 §11.4); no token of ours has any inside.
        let parts = header.split(separator: " ")
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .tokenMissing }
        return String(parts[1])
    }
}
