import HTTPTypes
import Hummingbird

/// Headers that every answer carries.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = MarketContext

    func handle(
        _ request: Request, context: MarketContext, next: (Request, MarketContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        Self.add(to: &response.headers, path: request.uri.path)
        return response
    }

    static func add(to headers: inout HTTPFields, path: String) {
        headers[.xContentTypeOptions] = "nosniff"
        headers[.referrerPolicy] = "no-referrer"
        // Answers of the API belong to one caller and one moment.
        if path.hasPrefix("/v1/") { headers[.cacheControl] = "no-store" }
    }
}
