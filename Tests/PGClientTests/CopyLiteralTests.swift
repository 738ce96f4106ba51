import PGClient
import TestSupport
import Testing

@Suite("Values in a COPY")
struct CopyLiteralTests {
    private func out(_ sql: SQL, _ client: PGClient) async throws -> String {
        try await client.copyOut(sql, format: .csv) { chunks in
            var bytes: [UInt8] = []
            for try await chunk in chunks { bytes += chunk }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test("a value stays a value, whatever stands around it", .timeLimit(.minutes(5)))
    func values() async throws {
        try await TestDatabase.with { database in
            try await withClient(database.url) { client in
                let minusOne = -1
                let difference = try await out("select 5 -\(minusOne), 'rest'", client)
                #expect(difference == "6,rest\n")
                let limits = try await out("select \(Int64.min), \(Int32.min), \(Int16.min), \(true)", client)
                #expect(limits == "-9223372036854775808,-2147483648,-32768,t\n")
                let hostile = "'; drop table x; -- \\' \\\\"
                let text = try await out("select \(hostile), pg_typeof(\(hostile))", client)
                #expect(text == "'; drop table x; -- \\' \\\\,text\n")
            }
        }
    }
}
