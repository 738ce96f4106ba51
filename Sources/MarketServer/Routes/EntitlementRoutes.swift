import Billing
import HTTPTypes
import Hummingbird
import NIOCore
import PGClient
import ProductCatalog

/// Who is entitled, and why.
struct EntitlementRoutes: Sendable {
    let database: PGClient
    let entitlements: Entitlements
    let resources: ResourceDirectory

    /// Uids of one call.
    static let maxUIDs = 5_000

    /// `GET /v1/entitlements`
    ///
    /// The question that is asked most often: who asks and what he asks are looked up together.
    func check(_ request: Request, _ context: MarketContext, _ caller: Caller) async throws -> Response {
        let question: Question
        do {
            question = try Question(QueryParameters(request))
        } catch {
            // A stranger learns nothing about the route, not even how to ask.
            _ = try await caller.enter(as: caller.principal(), context)
            throw error
        }
        // Of an earlier instant the events may have to be folded, however many there are.
        let isQuick = question.at == nil && question.knownAt == nil
        let answer =
            isQuick
            ? try await entitlement(asked: question, caller, context)
            : try await computingBesideTheLoop { try await entitlement(asked: question, caller, context) }
        return .json(Self.json(answer, knownAt: question.knownAt))
    }

    private func entitlement(asked question: Question, _ caller: Caller, _ context: MarketContext) async throws -> Entitlement {
        if case .digest(let token) = caller.claim, question.knownAt == nil {
            let (principal, entitlement) = try await entitlements.of(
                question.uid, on: question.resource, at: question.at, askedWith: token)
            let context = try caller.enter(as: principal, context)
            try await resources.requireAccess(to: question.resource, for: context.principal)
            return entitlement
        }
        let context = try await caller.enter(as: caller.principal(), context)
        try await resources.requireAccess(to: question.resource, for: context.principal)
        return try await entitlements.of(question.uid, on: question.resource, at: question.at, knownAt: question.knownAt)
    }

    /// Written part by part: this is the answer that is given most often.
    private static func json(_ answer: Entitlement, knownAt: Instant? = nil) -> ByteBuffer {
        var json = ByteBufferAllocator().buffer(capacity: 192)
        json.writeStaticString("{\"uid\":\"")
        json.writeString(answer.uid.text)
        json.writeStaticString("\",\"resourceId\":")
        json.writeDecimal(answer.resourceID.rawValue)
        json.writeStaticString(",\"at\":")
        json.writeDecimal(answer.at.milliseconds)
        json.writeStaticString(answer.entitled ? ",\"entitled\":true,\"payEndTime\":" : ",\"entitled\":false,\"payEndTime\":")
        json.writeDecimal(answer.payEndTime.milliseconds)
        if let knownAt {
            json.writeStaticString(",\"knownAt\":")
            json.writeDecimal(knownAt.milliseconds)
        }
        json.writeStaticString("}")
        return json
    }

    /// `POST /v1/entitlements/checks`
    func checks(_ request: Request, _ context: MarketContext) async throws -> Response {
        let body = try await JSONBody.read(from: request)
        var fields = body.fields
        let resourceNumber = fields.integer("resourceId")
        let texts = fields.strings("uids")
        let (at, knownAt) = (fields.optionalInteger("at"), fields.optionalInteger("knownAt"))
        try fields.finish()
        var check = FieldCheck()
        check.require((1...Self.maxUIDs).contains(texts.count), "/uids", "1 to \(Self.maxUIDs) uids")
        check.require((resourceNumber ?? 0) >= 1, "/resourceId", "1 to 9007199254740991")
        for (name, value) in [("/at", at), ("/knownAt", knownAt)] { check.require((value ?? 0) >= 0, name, "0 to 9007199254740991") }
        var uids: [UID] = []
        for (index, text) in texts.enumerated() {
            if let uid = UID(text) { uids.append(uid) } else { check.fail("/uids/\(index)", Question.uidRule) }
        }
        try check.finish()
        let resource = Resource.ID(rawValue: resourceNumber ?? 0)
        try await resources.requireAccess(to: resource, for: context.principal)
        let known = knownAt.map(Instant.init(milliseconds:))
        let (instant, all) = try await entitlements.of(uids, on: resource, at: at.map(Instant.init(milliseconds:)), knownAt: known)
        var text =
            "{\"resourceId\":\(resource),\"at\":\(instant.milliseconds),\"knownAt\":\(known.map { "\($0.milliseconds)" } ?? "null"),\"data\":["
        for (index, answer) in all.enumerated() {
            if index > 0 { text += "," }
            text += "{\"uid\":\"\(answer.uid)\",\"entitled\":\(answer.entitled),\"payEndTime\":\(answer.payEndTime.milliseconds)}"
        }
        return .json(bytes: Array((text + "]}").utf8), status: .ok)
    }

    /// `GET /v1/entitlements/explain`
    func explain(_ request: Request, _ context: MarketContext) async throws -> Response {
        let question = try Question(QueryParameters(request))
        try await resources.requireAccess(to: question.resource, for: context.principal)
        let (instant, explanation) = try await entitlements.explain(
            question.uid, on: question.resource, at: question.at, knownAt: question.knownAt)
        return try .json(ExplanationAnswer(question, instant, explanation))
    }
}

extension EntitlementRoutes {
    /// `GET /v1/entitlements` of a publisher key or an app token about a window whose stored state is the answer; all else is the router's.
    func express(_ route: Route, authenticator: Authenticator) -> ExpressRoute {
        ExpressRoute(route) { request, _, answer in
            guard let query = request.query, let digest = request.credentials?.digest,
                case .digest(let token) = authenticator.claim(of: digest),
                let question = try? Question(QueryParameters(query: query)), question.knownAt == nil,
                let resource = resources.remembered(question.resource)
            else { return false }
            entitlements.of(question.uid, on: question.resource, at: question.at, askedWith: token) { found in
                answer {
                    guard let (principal, entitlement) = found, let principal, (try? route.access.check(principal)) != nil,
                        ResourceDirectory.mayAsk(principal, about: resource)
                    else { return nil }
                    return ExpressAnswer(json: Self.json(entitlement), principal: principal)
                }
            }
            return true
        }
    }
}

/// The query of a question about one subscriber.
private struct Question {
    let resource: Resource.ID
    let uid: UID
    let at: Instant?
    let knownAt: Instant?

    static let uidRule = "1 to 64 of 0-9 A-Z a-z _ - . @ | * :"

    init(_ query: QueryParameters) throws(RequestError) {
        resource = try query.required("resourceId", try query.id("resourceId"))
        guard let uid = UID(try query.required("uid", try query.text("uid"))) else { throw .malformedParameter("uid", Self.uidRule) }
        self.uid = uid
        at = try query.instant("at")
        knownAt = try query.instant("knownAt")
    }
}

private struct ExplanationAnswer: Encodable {
    struct Grant: Encodable {
        let tradeNo: String
        let productId: Int64
        let addTime: Int64
        let left: Int64
    }
    struct Run: Encodable {
        let start: Int64
        let end: Int64
        let grants: [Grant]
    }
    struct Event: Encodable {
        private struct Effect: Encodable {
            let payEndTimeAfter: Int64
            let note: String
        }

        private let payment: PaymentBody
        private let effect: Effect

        init(_ step: Explanation.Step) {
            payment = PaymentBody(step.event, recordedAt: step.recordedAt)
            effect = Effect(payEndTimeAfter: step.payEndTimeAfter.milliseconds, note: step.note)
        }

        func encode(to encoder: any Encoder) throws {
            try payment.encode(to: encoder)
            try effect.encode(to: encoder)
        }
    }

    let uid: String
    let resourceId: Int64
    let at: Int64
    let knownAt: Int64?
    let entitled: Bool
    let payEndTime: Int64
    let runs: [Run]
    let events: [Event]

    init(_ question: Question, _ instant: Instant, _ explanation: Explanation) {
        uid = question.uid.text
        resourceId = question.resource.rawValue
        at = instant.milliseconds
        knownAt = question.knownAt?.milliseconds
        entitled = explanation.window.entitled(at: instant)
        payEndTime = explanation.window.payEndTime.milliseconds
        runs = explanation.window.runs.map { run in
            Run(
                start: run.start.milliseconds, end: min(run.end, .last).milliseconds,
                grants: run.grants.map {
                    Grant(
                        tradeNo: $0.tradeNumber.text, productId: $0.productID.rawValue, addTime: $0.addTime.milliseconds,
                        left: $0.left.milliseconds)
                })
        }
        events = explanation.steps.map(Event.init)
    }
}

extension JSONFields {
    /// An array of strings; what is none is reported under its index.
    mutating func strings(_ name: String) -> [String] {
        guard let values = array(name) else { return [] }
        return values.enumerated().compactMap { index, value in
            if case .string(let text) = value { return text }
            fail("\(name)/\(index)", "a string is due, this is \(value.kind)")
            return nil
        }
    }
}
