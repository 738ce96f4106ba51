import Hummingbird
import NIOCore
import ProductCatalog
import Synchronization

/// What the server knows of one request besides the request itself.
struct MarketContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Who is calling; nil where nobody needs to say so. Set before the route's handler runs.
    var principal: Principal?
    /// The token that said so, for what is sealed for its holder alone.
    var bearer: String?
    /// What the handler knows and the log line needs.
    let record = RequestRecord()

    init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }

    /// JSON bodies where a route says nothing else.
    static let maxBody = 1 << 20
    var maxUploadSize: Int { Self.maxBody }

    /// The template of the route that answers; nil when there is none. (The router sets a word of its own then.)
    var route: String? { endpointPath.flatMap { $0.hasPrefix("/") ? $0 : nil } }

    /// The publisher that the caller acts for: his own, or that of the app.
    var publisher: Publisher.ID? {
        switch principal {
        case .publisher(let publisher, _, _), .app(_, let publisher): publisher
        case .operatorToken, nil: nil
        }
    }

    /// The publisher, on a route that none but publishers may call.
    ///
    /// - Throws: `RequestError.forbidden`, so that a slip in the table opens nothing.
    func requirePublisher() throws(RequestError) -> Publisher.ID {
        guard case .publisher(let publisher, _, _) = principal else { throw .forbidden("This takes a publisher key.") }
        return publisher
    }

    /// An id in the path.
    ///
    /// - Throws: `CatalogError.notFound` when the text is no id: such a thing is not there.
    func id<Of>(_ name: String, of _: Identifier<Of>.Type = Identifier<Of>.self) throws -> Identifier<Of> {
        guard let text = parameters.get(name), let id = Identifier<Of>(text) else {
            throw CatalogError.notFound(name.hasSuffix("Id") ? String(name.dropLast(2)) : name)
        }
        return id
    }
}

/// Filled on the way in, read by the log on the way out.
final class RequestRecord: Sendable {
    private let state = Mutex<Principal?>(nil)

    var principal: Principal? {
        get { state.withLock { $0 } }
        set { state.withLock { $0 = newValue } }
    }
}
