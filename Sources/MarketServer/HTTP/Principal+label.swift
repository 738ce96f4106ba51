import ProductCatalog

extension Principal {
    /// The kind, as the log and the history of a listing name it.
    var kind: String {
        switch self {
        case .operatorToken: "operator"
        case .publisher: "publisher"
        case .app: "app"
        }
    }

    /// The number of the publisher or app.
    var id: Int64? {
        switch self {
        case .operatorToken: nil
        case .publisher(let publisher, _, _): publisher.rawValue
        case .app(let app, _): app.rawValue
        }
    }

    /// Who did it, for a record that is kept: "operator", "publisher:7".
    var actor: String { kind + (id.map { ":\($0)" } ?? "") }
}
