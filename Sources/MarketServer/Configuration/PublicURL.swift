import Foundation

/// How the world reaches the server: what addresses that it hands out begin with.
enum PublicURL {
    static let due = "an http or https address, as https://market.example"

    /// The address without slashes at its end; nil when it is none.
    static func read(_ text: String) -> String? {
        let trimmed = String(text.reversed().drop { $0 == "/" }.reversed())
        guard let parts = URLComponents(string: trimmed, encodingInvalidCharacters: false),
            parts.scheme == "http" || parts.scheme == "https",
            let host = parts.host, !host.isEmpty, (1...65_535).contains(parts.port ?? 80), parts.query == nil, parts.fragment == nil,
            parts.user == nil, trimmed.utf8.count <= 800
        else { return nil }
        return trimmed
    }
}
