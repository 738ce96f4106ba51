import Foundation

/// A file of `KEY=value` lines as .env files are. Nothing is computed: `$NAME` in a value stays as it is.
///
/// A line may begin with `export`. A value in single quotes is taken as it stands; in double quotes `\"`, `\\`, `\$` are what follows the backslash, and
/// `\n` is a line's end; one without quotes ends with its line, or before a `#` that follows white space. Of two lines for one key the later one counts.
struct EnvironmentFile: Sendable, Equatable {
    let values: [String: String]

    /// A line that says nothing that could be followed.
    struct Problem: Error, Equatable, CustomStringConvertible {
        /// From 1.
        let line: Int
        let what: String

        var description: String { "line \(line): \(what)" }
    }

    /// - Throws: `CommandFailure` when the file cannot be read, or names its line at fault.
    init(path: String) throws(CommandFailure) {
        let text: String?
        do {
            text = String(data: try Data(contentsOf: URL(filePath: path)), encoding: .utf8)
        } catch {
            throw CommandFailure("--config: \(CommandFailure(system: error)?.description ?? "\(error)")")
        }
        guard let text else { throw CommandFailure("--config: \(path) is no UTF-8") }
        do throws(Problem) {
            try self.init(parsing: text)
        } catch {
            throw CommandFailure("--config: \(path), \(error)")
        }
    }

    /// - Throws: `Problem`, which shows no value: some are secret.
    init(parsing text: String) throws(Problem) {
        var values: [String: String] = [:]
        // What some editors put in front is no part of the first key.
        let lines = text.drop { $0 == "\u{FEFF}" }.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        for (index, line) in lines.enumerated() {
            do throws(Fault) {
                if let (key, value) = try Self.pair(line) { values[key] = value }
            } catch {
                throw Problem(line: index + 1, what: error.what)
            }
        }
        self.values = values
    }

    private struct Fault: Error {
        let what: String
    }

    /// Nil for a line that is blank or a comment.
    private static func pair(_ line: Substring) throws(Fault) -> (String, String)? {
        var line = line.drop(while: \.isWhitespace)
        if line.isEmpty || line.hasPrefix("#") { return nil }
        if line.hasPrefix("export"), line.dropFirst(6).first?.isWhitespace == true {
            line = line.dropFirst(6).drop(while: \.isWhitespace)
        }
        guard let equals = line.firstIndex(of: "=") else { throw Fault(what: "KEY=value is due") }
        let key = line[..<equals].trimmingCharacters(in: .whitespaces)
        guard key.wholeMatch(of: /[A-Za-z_][A-Za-z0-9_]*/) != nil else {
            throw Fault(what: "a key of letters, digits and _ is due before =")
        }
        if key.hasPrefix("MARKET_"), !ServerSettings.keys.contains(key) {
            throw Fault(what: "\(key) is no key of this program, which knows \(ServerSettings.keys.joined(separator: ", "))")
        }
        return (key, try value(line[line.index(after: equals)...]))
    }

    private static func value(_ text: Substring) throws(Fault) -> String {
        let trimmed = text.drop(while: \.isWhitespace)
        guard let quote = trimmed.first, quote == "'" || quote == "\"" else { return withoutComment(text) }
        var value = ""
        var rest = trimmed.dropFirst()
        while let character = rest.popFirst() {
            if character == quote {
                guard withoutComment(rest).isEmpty else { throw Fault(what: "something stands behind the quotes") }
                return value
            }
            guard character == "\\", quote == "\"", let next = rest.first, let meant = escapes[next] else {
                value.append(character)
                continue
            }
            value.append(meant)
            rest.removeFirst()
        }
        throw Fault(what: "a quote is not closed in its line")
    }

    /// What stands for itself, or for a line's end, behind a backslash in double quotes.
    private static let escapes: [Character: Character] = ["\"": "\"", "\\": "\\", "$": "$", "n": "\n"]

    private static func withoutComment(_ text: Substring) -> String {
        let comment = text.firstMatch(of: /\s#/)?.range.lowerBound ?? text.endIndex
        return text[..<comment].trimmingCharacters(in: .whitespaces)
    }
}
