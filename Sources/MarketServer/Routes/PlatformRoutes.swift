import Billing
import HTTPTypes
import Hummingbird
import Logging
import PGClient
import ProductCatalog

/// The hosted platform's API: always HTTP 200, the envelope tells.
struct PlatformRoutes: Sendable {
    let database: PGClient
    let entitlements: Entitlements

    /// `GET /api/product/query-pay-end-time?uid&prodId`: no token, as on the platform.
    func queryPayEndTime(_ request: Request, _ context: MarketContext) async throws -> Response {
        do {
            let query = QueryParameters(request)
            guard let uid = try query.text("uid").flatMap({ UID($0) }) else { return try Self.failure(1001, "uid不正确") }
            guard let product: MessageProduct.ID = try query.text("prodId").flatMap({ MessageProduct.ID($0) }) else {
                return try Self.failure(1001, "prodId不正确")
            }
            let resources = try await database.run(Resource.bundled(in: product))
            guard !resources.isEmpty else { return try Self.failure(1001, "产品不存在") }
            var data: [PayEndTime] = []
            for resource in resources {
                let entitlement = try await entitlements.of(uid, on: resource.id)
                data.append(
                    PayEndTime(
                        resourceType: resource.kind.rawValue, resourceID: resource.id.rawValue,
                        payEndTime: entitlement.payEndTime.milliseconds))
            }
            return try .json(Envelope(code: 1000, msg: "处理成功", data: data, success: true))
        } catch let error as RequestError {
            context.logger.debug("a platform request was malformed", metadata: ["error": "\(error)"])
            return try Self.failure(1001, "参数不正确")
        } catch let error as PGError {
            context.logger.error("a platform request failed", metadata: ["error": "\(error)"])
            return try Self.failure(1005, "服务暂时不可用，请稍后重试")
        }
    }

    /// Whether a path is the platform's, where clients read the envelope of an answer and take any status but 200 for a broken connection.
    static func serves(_ path: String) -> Bool { path.hasPrefix("/api/") }

    /// What is answered in the place of a problem.
    static func failure(_ problem: Problem, of request: Request) throws -> Response {
        if problem.isDefect || problem.isUnavailable { return try failure(1005, "服务暂时不可用，请稍后重试") }
        if problem.status == .notFound { return try failure(1004, "接口[(\(request.method))\(request.uri.path.prefix(500))]不存在") }
        return try failure(1001, "参数不正确")
    }

    private static func failure(_ code: Int, _ msg: String) throws -> Response {
        try .json(Envelope(code: code, msg: msg, data: nil, success: false))
    }
}

private struct Envelope: Encodable {
    let code: Int
    let msg: String
    @Nullable var data: [PayEndTime]?
    let success: Bool
}

/// Spelt as the platform spells it.
private struct PayEndTime: Encodable {
    let resourceType: Int16
    let resourceID: Int64
    let payEndTime: Int64
}
