import CLibPQ
import Logging

extension PGConnection {
    /// Runs the statements of a text, which comes from the program's own files: migrations, and databases made for tests.
    ///
    /// The one door for text that is no literal; it takes no values.
    ///
    /// - Returns: the number of rows that the last statement gave.
    @discardableResult
    func script(_ text: String) throws(PGError) -> Int {
        guard handle != nil, !broken else { throw PGError(.connection, "the connection is closed") }
        guard PQsendQuery(handle, text) == 1 else { throw failure("the connection was lost") }
        try flush()
        var first: PGError?
        var rows = 0
        while let result = try nextResult() {
            if let error = result.error() { first = first ?? error }
            rows = result.rowCount
        }
        if let first { throw first }
        return rows
    }
}

extension PGConnection {
    /// The same from any task; cancelling the task ends it at the server, and the connection with it.
    @discardableResult
    nonisolated func runScript(_ text: String) async throws(PGError) -> Int {
        try await cancellable { connection throws(PGError) in try connection.script(text) }
    }
}

/// A connection for set-up work, of this package alone: making databases, roles and schemas.
package struct AdministrativeConnection: Sendable {
    let connection: PGConnection

    /// Connects, without settings of the session.
    package init(_ url: String, logger: Logger) async throws(PGError) {
        let string = try ConnectionString(url, applicationName: "market")
        connection = PGConnection(number: 0, statementCacheSize: 0, logger: logger)
        try await connection.cancellable { connection throws(PGError) in try connection.connect(string, settings: [], timeout: .seconds(10))
        }
    }

    /// Runs a text of one or more statements.
    package func script(_ text: String) async throws(PGError) {
        try await connection.runScript(text)
    }

    /// Runs a query and returns how many rows it gives.
    package func rowCount(_ query: String) async throws(PGError) -> Int {
        try await connection.runScript(query)
    }

    package func close() async {
        await connection.close()
    }
}
