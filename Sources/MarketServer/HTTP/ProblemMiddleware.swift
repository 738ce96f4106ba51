import HTTPTypes
import Hummingbird
import Logging

/// Turns whatever was thrown into a problem, and what is a defect into a line of the log.
struct ProblemMiddleware: RouterMiddleware {
    typealias Context = MarketContext

    let table: RouteTable

    func handle(
        _ request: Request, context: MarketContext, next: (Request, MarketContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch {
            let problem = context.route == nil ? unrouted(request) : Problem(error)
            if problem.isDefect || problem.isUnavailable {
                context.logger.log(
                    level: problem.isDefect ? .error : .warning, problem.isDefect ? "a request failed" : "a request could not be served",
                    metadata: ["error": "\(error)", "route": "\(context.route ?? "none")"])
            }
            let response =
                PlatformRoutes.serves(request.uri.path) && problem.status != .methodNotAllowed
                ? try PlatformRoutes.failure(problem, of: request) : problem.response(instance: Self.instance(request))
            // A body behind the head that was asked for would be taken for the next answer on the connection.
            return request.method == .head ? response.createHeadResponse() : response
        }
    }

    private func unrouted(_ request: Request) -> Problem {
        let methods = table.methods(at: request.uri.path)
        guard !methods.isEmpty else { return Problem(status: .notFound, detail: "There is no such route.") }
        let allowed = methods.map(\.rawValue).joined(separator: ", ")
        return Problem(status: .methodNotAllowed, detail: "This takes \(allowed).", headers: [.allow: allowed])
    }

    /// The path that was asked, without the secret of an inbound address.
    private static func instance(_ request: Request) -> String {
        let path = request.uri.path
        if path.split(separator: "/").prefix(2).elementsEqual(["v1", "inbound"]) { return "/v1/inbound" }
        return path.isEmpty ? "/" : String(path.prefix(500))
    }
}
