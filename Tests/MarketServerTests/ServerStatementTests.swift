import MarketSchema
import PGClient
import ProductCatalog
import TestSupport
import Testing

@testable import MarketServer

/// Every statement of the program's own, by who runs it.
private let statements: StatementList = {
    let key = [UInt8](repeating: 1, count: 32)
    return StatementList([
        .init(Examination.connection, as: .owner),
        .init(Examination.serverVersion, as: .owner),
        .init(Examination.mayServe, as: .owner),
        .init(Examination.letterType, as: .owner),
        .init(Examination.chineseTrigrams, as: .owner),
        .init(DatabaseHazard.settingsOff, as: .server),
        .init(DatabaseHazard.powersOfRole, as: .server),
        .init(DatabaseHazard.ownersOfHistory, as: .server),
        .init(DatabaseHazard.writersOfHistory, as: .server),
        .init(Examination.databaseClock, as: .owner),
        .init(Installation.recognition, as: .owner),
        .init(StoredAnswer.dropExpired("operator", key), as: .server, .tenant),
        .init(StoredAnswer.claim("operator", key, key), as: .server, .tenant),
        // A key is taken and its answer stored in one transaction: nobody sees one without the other.
        .init(StoredAnswer.with("operator", key), as: .server, .tenant, neverNull: ["sealed_answer"]),
        .init(StoredAnswer.store("operator", key, status: 201, sealed: [1]), as: .server, .tenant),
        .init(StoredAnswer.sweep, as: .server),
    ])
}()

@Suite struct ServerStatementTests {
    @Test("every statement of the program fits the schema, sends and reads the types that are due, and is allowed to who runs it")
    func shapes() async throws {
        try await TestDatabase.with(Schema.migrations) { database in
            let faults = try await statements.faults(on: database)
            #expect(faults == [])
        }
    }

    @Test("no statement of the program's sources is missing above")
    func listed() throws {
        let differences = try statements.differences(from: sources(of: "MarketServer"))
        #expect(differences == [])
    }
}
