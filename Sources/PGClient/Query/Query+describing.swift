import CLibPQ

extension PGConnection {
    /// Has the server parse a statement and tell its shape; a type of 0 is for the server to infer.
    func describe(_ text: String, types: [UInt32]) throws(PGError) -> StatementShape {
        guard PQsendPrepare(handle, "", text, Int32(types.count), types) == 1 else { throw failure("the connection was lost") }
        _ = try answer()
        guard PQsendDescribePrepared(handle, "") == 1 else { throw failure("the connection was lost") }
        return try answer().shape
    }

    private func answer() throws(PGError) -> PGResult {
        try flush()
        var first: PGResult?
        while let result = try nextResult() { first = first ?? result }
        guard let first else { throw failure("no result came") }
        if let error = first.error() { throw error }
        return first
    }
}

extension AdministrativeConnection {
    /// The statement's shape with the types that its values are sent as, or with those given, of which 0 is for the server to infer.
    package func describe(_ sql: SQL, types: [UInt32]? = nil) async throws(PGError) -> StatementShape {
        try await connection.describe(sql.text, types: types ?? sql.parameterTypes)
    }
}

extension Query {
    /// Reads one row of the given columns as the server would send it.
    ///
    /// - Parameter values: the binary form of each column, nil for null.
    /// - Throws: `PGError` of kind decoding, as for a row of the server's.
    package func read(_ values: [[UInt8]?], of columns: [StatementShape.Column]) throws(PGError) -> Output {
        precondition(values.count == columns.count, "a value for each column")
        guard let result = PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK) else { throw .decoding("no memory for a row") }
        let row = PGResult(result)
        guard Self.describe(columns, to: result) else { throw .decoding("no memory for a row") }
        for (index, value) in values.enumerated() {
            let isSet = (value ?? []).withUnsafeBytes { bytes in
                var text = bytes.map { CChar(bitPattern: $0) } + [0]
                // libpq takes a length of -1 for null.
                return PQsetvalue(result, 0, Int32(index), &text, value == nil ? -1 : Int32(bytes.count))
            }
            guard isSet == 1 else { throw .decoding("no memory for a row") }
        }
        return try read(row)
    }

    private static func describe(_ columns: [StatementShape.Column], to result: OpaquePointer) -> Bool {
        var unnamed: [CChar] = [0]
        return unnamed.withUnsafeMutableBufferPointer { name in
            // libpq copies the name.
            var attributes = columns.map { column in
                PGresAttDesc(
                    name: name.baseAddress, tableid: column.table, columnid: Int32(column.number), format: 1, typid: column.type,
                    typlen: -1,
                    atttypmod: -1)
            }
            return PQsetResultAttrs(result, Int32(attributes.count), &attributes) == 1
        }
    }
}
