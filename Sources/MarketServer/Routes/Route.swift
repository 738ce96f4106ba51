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
    let handler: Handler

    init(_ method: HTTPRequest.Method, _ path: String, _ access: Access, _ handler: @escaping Handler) {
        self.method = method
        self.path = path
        self.access = access
        self.handler = handler
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

extension Route {
    /// The handler behind the check of who is calling.
    func guarded(by services: AppServices) -> Handler {
        if access.isPublic { return handler }
        return { [access, handler] request, context in
            let bearer = try Self.bearer(of: request)
            guard let principal = try await services.authenticator.principal(bearer: bearer) else { throw RequestError.tokenUnknown }
            context.record.principal = principal
            try access.check(principal)
            var context = context
            context.principal = principal
            context.bearer = bearer
            return try await handler(request, context)
        }
    }

    private static func bearer(of request: Request) throws(RequestError) -> String {
        guard let header = request.headers[.authorization] else { throw .tokenMissing }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { throw .tokenMissing }
        return String(parts[1])
    }
}
