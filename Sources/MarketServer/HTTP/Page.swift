import Foundation
import Hummingbird
import ProductCatalog

/// Which part of a list is asked for: `?cursor=&limit=`. Lists run from the newest down, so a cursor is the id that the last page ended with.
struct Page<Of>: Sendable {
    let list: String
    /// The page begins below this one; nil for the first page.
    let below: Identifier<Of>?
    let limit: Int

    /// - Parameter list: the list's name, which its cursors carry, so that one of another list is refused.
    /// - Throws: `RequestError.malformedParameter`.
    init(_ query: QueryParameters, list: String) throws(RequestError) {
        self.list = list
        limit = Int(try query.integer("limit", in: 1...200) ?? 50)
        guard let cursor = try query.text("cursor") else {
            below = nil
            return
        }
        guard let text = Self.decoded(cursor), let number = text.wholeMatch(of: /([a-z]+):([0-9]+)/), number.1 == list,
            let id = Identifier<Of>(number.2)
        else { throw .malformedParameter("cursor", "not a cursor of this list") }
        below = id
    }

    /// One more than is asked for: whether it comes tells whether there is a next page.
    var fetch: Int { limit + 1 }

    /// The page as it is answered.
    func answer<Row, Item: Encodable & Sendable>(
        _ rows: [Row], id: (Row) -> Identifier<Of>, _ item: (Row) -> Item
    ) throws -> Response {
        let shown = rows.prefix(limit)
        let next = rows.count > limit ? shown.last.map { encoded(id($0)) } : nil
        return try .json(PageBody(data: shown.map(item), nextCursor: next))
    }

    private func encoded(_ id: Identifier<Of>) -> String {
        Data("\(list):\(id)".utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    private static func decoded(_ cursor: String) -> String? {
        guard (1...500).contains(cursor.utf8.count) else { return nil }
        var base64 = cursor.replacing("-", with: "+").replacing("_", with: "/")
        base64 += String(repeating: "=", count: (4 - base64.utf8.count % 4) % 4)
        return Data(base64Encoded: base64).flatMap { String(validating: $0, as: UTF8.self) }
    }
}

private struct PageBody<Item: Encodable & Sendable>: Encodable, Sendable {
    let data: [Item]
    @Nullable var nextCursor: String?
}
