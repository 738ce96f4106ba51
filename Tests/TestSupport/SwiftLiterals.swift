import Foundation

/// A string literal of a Swift source, with what stands in front of it.
public struct SwiftLiteral: Sendable {
    /// The text between interpolations, in order; white space of any kind is one space.
    public let segments: [String]
    /// The code in front of it, from the end of the literal before.
    public let lead: String
    public let file: String
    public let line: Int

    /// All string literals of the Swift files in a folder.
    public static func all(in folder: URL) throws -> [SwiftLiteral] {
        guard let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) else { return [] }
        return try files.compactMap { $0 as? URL }.filter { $0.pathExtension == "swift" }.flatMap { file in
            var scanner = LiteralScanner(try String(contentsOf: file, encoding: .utf8), file: file.lastPathComponent)
            return scanner.literals()
        }
    }
}

/// Walks through a source: comments and code are passed over, literals are taken apart. It knows no regex literals and no raw strings, which hold no
/// statements; a quote in one would show as statements that are not found.
private struct LiteralScanner {
    private let source: [Character]
    private let file: String
    private var at = 0
    private var found: [SwiftLiteral] = []
    private var lead = ""

    init(_ text: String, file: String) {
        source = Array(text)
        self.file = file
    }

    mutating func literals() -> [SwiftLiteral] {
        while at < source.count { step() }
        return found
    }

    private func stands(_ text: String) -> Bool { source[at...].starts(with: text) }

    private mutating func step() {
        if stands("//") {
            while at < source.count, source[at] != "\n" { at += 1 }
        } else if stands("/*") {
            while at < source.count, !stands("*/") { at += 1 }
            at += 2
        } else if stands("\"") {
            literal()
        } else {
            lead.append(source[at])
            at += 1
        }
    }

    private mutating func literal() {
        let line = source[..<at].count { $0 == "\n" } + 1
        let front = lead
        let quote = stands("\"\"\"") ? "\"\"\"" : "\""
        at += quote.count
        var segments = [""]
        while at < source.count, !stands(quote) {
            if stands("\\(") {
                at += 2
                interpolation()
                segments.append("")
            } else if stands("\\") {
                segments[segments.count - 1].append(contentsOf: source[at...].prefix(2))
                at += 2
            } else {
                segments[segments.count - 1].append(source[at])
                at += 1
            }
        }
        at += quote.count
        lead = ""
        found.append(SwiftLiteral(segments: segments.map(withoutLines), lead: front, file: file, line: line))
    }

    /// What stands in `\(…)`, in which literals may stand too.
    private mutating func interpolation() {
        var depth = 1
        while at < source.count {
            if source[at] == "(" { depth += 1 }
            if source[at] == ")" {
                depth -= 1
                if depth == 0 {
                    at += 1
                    return
                }
            }
            step()
        }
    }
}

/// The text with any run of white space as one space.
func withoutLines(_ text: String) -> String {
    text.replacing(/\s+/, with: " ")
}

/// The folder of a target's sources.
public func sources(of target: String) -> URL {
    (0..<3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }.appending(path: "Sources/\(target)")
}
