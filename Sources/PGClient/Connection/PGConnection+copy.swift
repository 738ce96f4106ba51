import CLibPQ
import Foundation

extension PGConnection {
    /// Sends a COPY command and waits until the server is ready for the data, in the given direction.
    func beginCopy(_ command: String, expecting status: ExecStatusType) throws(PGError) {
        guard PQsendQueryParams(handle, command, 0, nil, nil, nil, nil, 0) == 1 else { throw failure("the connection was lost") }
        try flush()
        // The first row of a query may be long in coming, and the server's word that rows follow may wait for it: see `nextCopy`.
        if status == PGRES_COPY_OUT { patience = patience(for: 1) }
        guard let result = try nextResult(startingCopy: true) else { throw failure("no result came") }
        if result.status == status { return }
        let error = result.error() ?? PGError(.decoding, "the command is no COPY of this direction")
        while try nextResult() != nil {}
        throw error
    }

    /// Hands data of a COPY to the server, as fast as it takes them.
    func sendCopy(_ bytes: [UInt8]) throws(PGError) {
        while true {
            let sent = bytes.withUnsafeBytes { PQputCopyData(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count)) }
            switch sent {
            case 1: return try flush()
            case 0: try flush()
            default: throw failure("the connection was lost")
            }
        }
    }

    /// Ends a COPY to the server that its body gave up, whether or not the task is cancelled: the transaction is void, and the protocol wants the end. A
    /// connection that cannot even do that is closed.
    func giveUpCopy(_ loan: Loan) {
        guard lent?.loan == loan, isOpen, isCopying else { return }
        heedsCancellation = false
        defer { heedsCancellation = true }
        do throws(PGError) {
            _ = try endCopy(refusing: "given up")
        } catch {
            close()
        }
    }

    /// Ends a COPY from the server whose rows nobody wants any more, by stopping it and closing the connection: to read the rest is dearer.
    ///
    /// - Returns: whether there was one.
    func leaveCopy(_ loan: Loan) -> Bool {
        guard lent?.loan == loan, isOpen, isCopying else { return false }
        abort()
        return true
    }

    /// Ends a COPY to the server: with the data so far, or, given a reason, with none of it.
    ///
    /// - Returns: the number of rows copied.
    func endCopy(refusing reason: String?) throws(PGError) -> Int {
        while true {
            let sent = PQputCopyEnd(handle, reason)
            if sent == 1 { break }
            guard sent == 0 else { throw failure("the connection was lost") }
            try flush()
        }
        try flush()
        var affected = 0
        var first: PGError?
        while let result = try nextResult() {
            if let error = result.error() { first = first ?? error }
            affected = result.affected
        }
        if let first, reason == nil { throw first }
        return affected
    }

    /// The next data of a COPY from the server, about `size` bytes of whole rows; nil at the end.
    ///
    /// A query may compute for long between two rows: the server may be silent for as long as it lets a statement run. One that cannot be reached any more
    /// is found by TCP within half a minute (`ConnectionString`).
    func nextCopy(size: Int) throws(PGError) -> [UInt8]? {
        // The end was met behind the last chunk.
        guard isCopying else { return nil }
        var chunk: [UInt8] = []
        chunk.reserveCapacity(size + 1_024)
        while chunk.count < size {
            var row: UnsafeMutablePointer<CChar>?
            let count = PQgetCopyData(handle, &row, 1)
            if count > 0 {
                UnsafeRawBufferPointer(start: row, count: Int(count)).withMemoryRebound(to: UInt8.self) { chunk.append(contentsOf: $0) }
                PQfreemem(row)
            } else if count == 0 {
                try wait(.reading, until: patience(for: 1).map { .now + $0 }, cancellable: true)
                guard PQconsumeInput(handle) == 1 else { throw failure("the connection was lost") }
            } else if count == -1 {
                var first: PGError?
                while let result = try nextResult() {
                    if let error = result.error() { first = first ?? error }
                }
                if let first { throw first }
                return chunk.isEmpty ? nil : chunk
            } else {
                throw failure("the connection was lost")
            }
        }
        return chunk
    }

    /// A statement with its values written into the text, for COPY, which takes no parameters. Only what has a plain literal can stand there.
    func inlined(_ sql: SQL) throws(PGError) -> String {
        try sql.check()
        var text = ""
        for piece in sql.pieces {
            if let literal = piece.literal {
                text += String(decoding: literal, as: UTF8.self)
            } else {
                text += try literal(piece, of: sql)
            }
        }
        return text
    }

    private func literal(_ value: SQLPiece, of sql: SQL) throws(PGError) -> String {
        guard let range = value.range else { return "null" }
        let bytes = Array(sql.body.values[range])
        return try bytes.withUnsafeBytes { raw in Result { () throws(PGError) in try literal(raw, of: value.type) } }.get()
    }

    private func literal(_ raw: UnsafeRawBufferPointer, of type: UInt32) throws(PGError) -> String {
        let cell = PGCell(bytes: raw, oid: type)
        // Quoted and typed: a bare -1 behind a minus of the statement's own would begin a comment, and -9223372036854775808 is no literal.
        switch type {
        case PGType.int8.oid: return "'\(try Int64(pg: cell))'::int8"
        case PGType.int4.oid: return "'\(try Int32(pg: cell))'::int4"
        case PGType.int2.oid: return "'\(try Int16(pg: cell))'::int2"
        case PGType.bool.oid: return try Bool(pg: cell) ? "true" : "false"
        case PGType.text.oid:
            // An empty text has no address, and needs no care.
            guard let start = raw.baseAddress, raw.count > 0 else { return "''::text" }
            guard let quoted = PQescapeLiteral(handle, start.assumingMemoryBound(to: CChar.self), raw.count) else {
                throw failure("a text cannot be quoted")
            }
            defer { PQfreemem(quoted) }
            return "\(String(cString: quoted))::text"
        default: throw .decoding("a value of type \(type) cannot stand in a COPY")
        }
    }
}
