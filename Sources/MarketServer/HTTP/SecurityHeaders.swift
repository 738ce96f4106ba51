import HTTPTypes
import Hummingbird

/// Headers that every answer carries.
struct SecurityHeaders: RouterMiddleware {
    typealias Context = MarketContext

    func handle(
        _ request: Request, context: MarketContext, next: (Request, MarketContext) async throws -> Response
    ) async throws -> Response {
        var response = try await next(request, context)
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.referrerPolicy] = "no-referrer"
        // Answers of the API belong to one caller and one moment.
        if request.uri.path.hasPrefix("/v1/") { response.headers[.cacheControl] = "no-store" }
        return response
    }
}
