import Foundation
import PGClient
import ProductCatalog

/// A publisher's payment events in commit order, for one who pulls: a cursor never skips an event that commits late.
///
/// An event's place is the number of its transaction, and only transactions below the oldest one still open are shown: all that could come
/// below them is there already.
public enum EventFeed {
    public static func page(of publisher: Publisher.ID, after position: EventPosition?, limit: Int) -> Query<[RecordedEvent]> {
        let start = position ?? .start
        return SQL(
            """
            select \(RecordedEvent.columns)
            from payment_event e
            where e.publisher_id = \(publisher)
              and (e.commit_position, e.ordinal) > (\(start.commit), \(start.ordinal))
              and e.commit_position < visible_position()
            order by e.commit_position, e.ordinal
            limit \(limit)
            """
        ).all()
    }
}

extension EventPosition {
    /// As a client holds it: opaque to him, so that it may change.
    public var cursor: String {
        Data("\(commit).\(ordinal)".utf8).base64EncodedString().replacing("=", with: "").replacing("+", with: "-").replacing("/", with: "_")
    }

    /// Nil when the text is no cursor of ours.
    public init?(cursor: String) {
        let text = cursor.replacing("-", with: "+").replacing("_", with: "/")
        let padded = text + String(repeating: "=", count: (4 - text.count % 4) % 4)
        guard let data = Data(base64Encoded: padded), let parts = String(data: data, encoding: .utf8)?.split(separator: "."),
            parts.count == 2,
            let commit = Int64(parts[0]), let ordinal = Int(parts[1]), commit >= 0, (0...Int(Int32.max)).contains(ordinal)
        else { return nil }
        self.commit = commit
        self.ordinal = ordinal
    }
}
