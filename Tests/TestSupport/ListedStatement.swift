import Foundation
import PGClient

/// A statement of a context with sample values, to be held to the migrated schema.
public struct ListedStatement: Sendable {
    /// Who runs it.
    public enum Role: String, Sendable {
        /// The server.
        case server = "market_server"
        /// The server within one publisher's walls.
        case tenant = "market_tenant"
        /// Whoever logs in, who owns the database.
        case owner
    }

    public let sql: SQL
    let roles: [Role]
    /// Reads a row of these values.
    let read: @Sendable ([[UInt8]?], [StatementShape.Column]) throws(PGError) -> Void
    /// What columns hold that not any text fits, by their place from 0.
    let texts: [Int: String]
    let neverNull: Set<String>
    let widened: Set<Int>

    /// - Parameters:
    ///   - texts: what to read in columns that not any text fits, by their place from 0.
    ///   - neverNull: columns that the table lets be null and the rows of this statement do not.
    ///   - widened: the numbers of values that are sent as bigint to be compared with an integer, which takes no narrowing and keeps the index.
    public init<Output>(
        _ query: Query<Output>, as roles: Role..., reading texts: [Int: String] = [:], neverNull: Set<String> = [], widened: Set<Int> = []
    ) {
        sql = query.sql
        self.roles = roles
        self.texts = texts
        self.neverNull = neverNull
        self.widened = widened
        read = { values, columns throws(PGError) in _ = try query.read(values, of: columns) }
    }
}

/// Holds the statements of a context to its schema and to its sources.
public struct StatementList: Sendable {
    let statements: [ListedStatement]

    public init(_ statements: [ListedStatement]) {
        self.statements = statements
    }

    /// What is wrong with the statements on a database with its schema, one line each.
    public func faults(on database: TestDatabase) async throws -> [String] {
        let connection = try await AdministrativeConnection(database.url, logger: quiet)
        var faults: [String] = []
        for statement in statements {
            let text = withoutLines(statement.sql.text)
            do {
                faults += try await statement.faultsOfTypes(connection).map { "\($0): \(text)" }
            } catch {
                faults.append("\(error): \(text)")
            }
        }
        await connection.close()
        for role in [ListedStatement.Role.server, .tenant, .owner] {
            faults += try await faultsOfRights(role, database)
        }
        return faults
    }

    /// Planning a statement asks for the same rights as running it.
    private func faultsOfRights(_ role: ListedStatement.Role, _ database: TestDatabase) async throws -> [String] {
        try await withClient(database.url) {
            $0.settings = role == .owner ? [:] : ["role": role.rawValue]
        } _: { client in
            var faults: [String] = []
            for statement in statements where statement.roles.contains(role) {
                do {
                    _ = try await client.run(SQL("explain \(statement.sql)").all(PlanLine.self))
                } catch {
                    faults.append("\(error) as \(role): \(withoutLines(statement.sql.text))")
                }
            }
            return faults
        }
    }

    /// The statements in the sources of a folder that are not in this list, and those of this list that are in none.
    public func differences(from folder: URL) throws -> [String] {
        let literals = try SwiftLiteral.all(in: folder).filter(\.isStatement)
        let texts = statements.map { withoutLines($0.sql.text).trimmingCharacters(in: .whitespaces) }
        var unfound = Set(texts)
        var faults: [String] = []
        for literal in literals {
            let pattern = try NSRegularExpression(pattern: literal.pattern)
            let covered = texts.filter { pattern.firstMatch(in: $0, range: NSRange($0.startIndex..., in: $0)) != nil }
            if covered.isEmpty { faults.append("\(literal.file):\(literal.line): not in the list of statements") }
            if literal.isWhole { unfound.subtract(covered) }
        }
        return faults + unfound.sorted().map { "listed, but in no source: \($0)" }
    }
}

extension ListedStatement {
    fileprivate func faultsOfTypes(_ connection: AdministrativeConnection) async throws -> [String] {
        let shape = try await connection.describe(sql)
        return try await faultsOfParameters(connection) + faultsOfColumns(shape, connection)
    }

    /// Each value must be sent as the type that the server would infer in its place, where it can tell without being told.
    private func faultsOfParameters(_ connection: AdministrativeConnection) async throws -> [String] {
        let types = sql.parameterTypes
        var faults: [String] = []
        for index in types.indices {
            var open = types
            open[index] = 0
            do throws(PGError) {
                let inferred = try await connection.describe(sql, types: open).parameters[index]
                let isWidened = widened.contains(index + 1) && types[index] == PGType.int8.oid && inferred == PGType.int4.oid
                if inferred != types[index], !isWidened {
                    faults.append("$\(index + 1) is sent as type \(types[index]) where \(inferred) is due")
                }
            } catch {
                // Functions of any array and the like: the value's own type decides, and the whole statement was accepted with it.
                guard Self.undecided.contains(error.sqlState?.code ?? "") else { throw error }
            }
        }
        return faults
    }

    /// indeterminate_datatype, ambiguous_function
    private static let undecided: Set<String> = ["42P18", "42725"]

    private func faultsOfColumns(_ shape: StatementShape, _ connection: AdministrativeConnection) async throws -> [String] {
        var faults: [String] = []
        var samples: [[UInt8]?] = []
        for (index, column) in shape.columns.enumerated() {
            guard let sample = Self.sample(of: column.type, text: texts[index] ?? "sample") else {
                return ["column \(index + 1) has type \(column.type), of which there is no sample"]
            }
            samples.append(sample)
        }
        do throws(PGError) {
            try read(samples, shape.columns)
        } catch {
            return ["\(error)"]
        }
        for (index, column) in shape.columns.enumerated() where column.table != 0 && !neverNull.contains(column.name) {
            let nullable = """
                select from pg_attribute a join pg_class c on c.oid = a.attrelid
                where c.oid = \(column.table) and c.relkind = 'r' and a.attnum = \(column.number) and not a.attnotnull
                """
            guard try await connection.rowCount(nullable) > 0 else { continue }
            var withNull = samples
            withNull[index] = nil
            do throws(PGError) {
                try read(withNull, shape.columns)
            } catch {
                faults.append("\(column.name) may be null: \(error)")
            }
        }
        return faults
    }

    private static func sample(of type: UInt32, text: String) -> [UInt8]? {
        var bytes = PGBytes()
        switch type {
        case PGType.bool.oid: true.encode(into: &bytes)
        case PGType.int2.oid: Int16(1).encode(into: &bytes)
        case PGType.int4.oid: Int32(1).encode(into: &bytes)
        case PGType.int8.oid: Int64(1).encode(into: &bytes)
        case PGType.text.oid: text.encode(into: &bytes)
        case PGType.bytea.oid: Bytea([UInt8](repeating: 1, count: 32)).encode(into: &bytes)
        case PGType.int8.arrayOID: [Int64(1)].encode(into: &bytes)
        case PGType.text.arrayOID: [text].encode(into: &bytes)
        case PGType.tid.oid: RowPlace(block: 1, number: 1).encode(into: &bytes)
        case PGType.tid.arrayOID: [RowPlace(block: 1, number: 1)].encode(into: &bytes)
        case PGType.void.oid: break
        default: return nil
        }
        return bytes.bytes
    }
}

extension SwiftLiteral {
    /// Said to be SQL, or beginning like a statement wherever it stands.
    fileprivate var isStatement: Bool {
        let lead = lead.trimmingCharacters(in: .whitespacesAndNewlines)
        // Set-up work goes by a door of its own, which takes no values and reads no columns.
        if lead.hasSuffix(".rowCount(") || lead.hasSuffix(".script(") { return false }
        return lead.wholeMatch(of: /(?s).*\bSQL(\(|\s*=(\s*\{)?)/) != nil || isWhole
    }

    /// A statement, not a piece of one.
    fileprivate var isWhole: Bool {
        segments[0].firstMatch(
            of: /^ ?(select|insert into|update \w+( \w+)? set|delete from|truncate|merge into|copy|with \w+ as|values ?\() ?/) != nil
    }

    /// What the text of a listed statement looks like when it is this literal's: what it says, with values or other pieces set in.
    fileprivate var pattern: String {
        var parts = segments
        parts[0] = String(parts[0].drop { $0 == " " })
        while parts[parts.count - 1].hasSuffix(" ") { parts[parts.count - 1].removeLast() }
        let text = parts.map(NSRegularExpression.escapedPattern(for:)).joined(separator: #"(\$\d+|[^$]*|.*?)"#)
        return isWhole ? "^\(text)$" : text
    }
}

/// A line of what `explain` says.
public struct PlanLine: PGRowDecodable {
    public let text: String

    public init(row: PGRow) throws(PGError) {
        text = try row.decode(String.self)
    }
}
