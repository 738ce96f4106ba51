import ArgumentParser
import Foundation
import Logging
import MarketSchema
import PGClient

/// `market doctor`: what a newcomer needs to be told before `market serve` works, and an operator before it is trusted with money.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the database and the configuration; exit with 1 when something is wrong.",
        discussion: "One line for each check: ok, or what is wrong and what to do about it.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let reader = try await options.reader()
        let settings = try ServerSettings(reader)
        var logger = try options.logger(reader)
        // What the client would log is what the checks say.
        logger.logLevel = .critical
        var configuration = PGClient.Configuration(url: settings.databaseURL)
        configuration.acquireTimeout = .seconds(5)
        let examination = Examination(
            database: PGClient(configuration, logger: logger), server: PGClient(settings.database, logger: logger), settings: settings)
        let findings = await examination.findings()
        for finding in findings { print(finding.line) }
        if findings.contains(where: \.isFailure) { throw ExitCode(1) }
    }
}

/// The outcome of one check.
enum Finding: Sendable, Equatable {
    case good(String)
    case bad(String, remedy: String)

    var isFailure: Bool { if case .bad = self { true } else { false } }

    var line: String {
        switch self {
        case .good(let what): "ok    \(what)"
        case .bad(let what, let remedy): "FAIL  \(what): \(remedy)"
        }
    }
}

/// The checks, each of them one question.
struct Examination: Sendable {
    /// As the role that logs in.
    let database: PGClient
    /// As the server works.
    let server: PGClient
    let settings: ServerSettings

    /// All findings, in order; those that need what an earlier one did not find are left out.
    func findings() async -> [Finding] {
        var findings = [operatorToken, await reach()]
        guard findings.last?.isFailure == false else { return findings }
        for check in [version, clock, role] { findings.append(await asked(check)) }
        guard findings.last?.isFailure == false else { return findings }
        findings.append(await asked(schema))
        // They are asked for by what the migrations bring along.
        if findings.last?.isFailure == false { findings.append(await asked(letters)) }
        return findings + (await safety())
    }

    /// A check that cannot even be made has failed.
    private func asked(_ check: () async throws -> Finding) async -> Finding {
        do {
            return try await check()
        } catch {
            return .bad("a check could not be made", remedy: "\(error)")
        }
    }

    private var operatorToken: Finding {
        settings.operatorToken == nil
            ? .bad("no operator token", remedy: "set MARKET_OPERATOR_TOKEN to \(ServerSettings.shortestOperatorToken) characters or more")
            : .good("operator token set")
    }

    private func reach() async -> Finding {
        do {
            let name = try await database.run(Self.connection)
            return .good("database reached: \(name)")
        } catch {
            return .bad("the database does not answer", remedy: "check DATABASE_URL and that PostgreSQL runs (\(error))")
        }
    }

    private func version() async throws -> Finding {
        let number = try await database.run(Self.serverVersion)
        return number >= 150_000
            ? .good("PostgreSQL \(number / 10_000)") : .bad("PostgreSQL \(number / 10_000)", remedy: "15 or later is needed")
    }

    private func role() async throws -> Finding {
        let member = try await database.run(Self.mayServe)
        return member
            ? .good("may work as market_server")
            : .bad(
                "may not work as market_server",
                remedy: "run `market migrate`, then as the owner: grant market_server to the role of DATABASE_URL")
    }

    private func schema() async throws -> Finding {
        do {
            let status = try await Migrator(Schema.migrations).status(of: server)
            return status.pending == 0
                ? .good("schema up to date: \(status.applied) migrations")
                : .bad("\(status.pending) migrations wait", remedy: "run `market migrate`")
        } catch let error as MigrationError {
            return .bad("the schema is not this program's: \(error)", remedy: "run the release of market that migrated the database last")
        }
    }

    /// With ctype C no letter but ASCII has a case and pg_trgm sees no letters in Chinese text.
    private func letters() async throws -> Finding {
        let (type, trigrams) = try await database.run(Self.letterType, Self.chineseTrigrams)
        return trigrams > 0
            ? .good("search knows letters of all languages (\(type))")
            : .bad(
                "search knows ASCII alone (lc_ctype \(type))",
                remedy: "make the database anew with lc_ctype C.UTF-8 or another UTF-8 locale")
    }

    /// What `market serve` would refuse to start on, a line for each.
    private func safety() async -> [Finding] {
        do {
            let hazards = try await DatabaseHazard.found(by: server)
            return hazards.isEmpty
                ? [.good("what is committed outlives a power cut, and the server's role cannot rewrite it")]
                : hazards.map { .bad($0.what, remedy: $0.remedy) }
        } catch {
            return [.bad("a check could not be made", remedy: "\(error)")]
        }
    }

    /// Recorded times come from the database's clock, expiry is judged by the server's: a second apart is a second of doubt for every window.
    private func clock() async throws -> Finding {
        let before = Date()
        let theirs = try await database.run(Self.databaseClock)
        let after = Date()
        let ours = (before.timeIntervalSince1970 + after.timeIntervalSince1970) / 2 * 1000
        // What the round trip took is not known to be a difference.
        let doubt = after.timeIntervalSince(before) / 2 * 1000
        let difference = max(0, abs(Double(theirs) - ours) - doubt)
        return difference < 1000
            ? .good("the clocks agree within \(Int(difference.rounded(.up))) ms")
            : .bad("the clocks differ by \(Int(difference)) ms", remedy: "synchronise this machine and the database's, by NTP for instance")
    }
}
