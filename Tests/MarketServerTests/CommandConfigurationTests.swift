import ArgumentParser
import Foundation
import PGClient
import TestSupport
import Testing

@testable import MarketServer

@Suite("What the program is told from outside")
struct CommandConfigurationTests {
    @Test("a file is read as .env files are: export, quotes, comments, blank lines, the last of two lines")
    func file() throws {
        let file = try EnvironmentFile(
            parsing: """
                \u{FEFF}# a comment
                DATABASE_URL=postgresql://market:a#b@db/market?sslmode=require   # where the database is

                  export  MARKET_HOST = 0.0.0.0\r
                MARKET_OPERATOR_TOKEN='a # token in "quotes" $HOME \\n'
                MARKET_PUBLIC_URL="https://market.test"\t# said \\"so\\"
                OTHERS="a \\"word\\" for \\$5 \\\\ two\\nlines \\x"
                MARKET_PORT=1
                MARKET_PORT=9000
                EMPTY= # nothing
                QUOTED=''
                """)
        #expect(
            file.values == [
                "DATABASE_URL": "postgresql://market:a#b@db/market?sslmode=require", "MARKET_HOST": "0.0.0.0",
                "MARKET_OPERATOR_TOKEN": #"a # token in "quotes" $HOME \n"#, "MARKET_PUBLIC_URL": "https://market.test",
                "OTHERS": "a \"word\" for $5 \\ two\nlines \\x", "MARKET_PORT": "9000", "EMPTY": "", "QUOTED": "",
            ])
    }

    @Test(
        "a line that cannot be followed is named, and nothing of its value",
        arguments: [
            ("MARKET_PORT 9000", "KEY=value is due"), ("=9000", "a key of letters"), ("MARKET PORT=9000", "a key of letters"),
            ("MARKET_PROT=secret", "MARKET_PROT is no key of this program, which knows MARKET_HOST, MARKET_PORT"),
            ("A='secret", "a quote is not closed in its line"), ("A=\"secret\" b", "something stands behind the quotes"),
        ])
    func problem(line: String, due: String) throws {
        let problem = try #require(throws: EnvironmentFile.Problem.self) { try EnvironmentFile(parsing: "A=1\n\n\(line)\n") }
        #expect(problem.line == 3 && problem.what.hasPrefix(due), "\(problem)")
        #expect(!problem.description.contains("secret"))
    }

    @Test("a file that is not there is named in plain words")
    func missing() async throws {
        let error = await #expect(throws: CommandFailure.self) {
            try await ConfigurationOptions.parse(["--config", "/nowhere/market.env"]).reader()
        }
        #expect(error?.description == "--config: cannot use /nowhere/market.env: no such file or directory")
    }

    @Test("a file's values count where neither environment nor command line has others")
    func order() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-\(UUID().uuidString).env")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("export DATABASE_URL='postgresql://x/y'\nMARKET_PORT=9000 # here\nMARKET_HOST=::1\n".utf8).write(to: file)
        let settings = try await settings("--config", file.path, "--host", "127.0.0.1")
        #expect(settings.port == 9000 && settings.host == "127.0.0.1" && settings.databaseURL == "postgresql://x/y")
    }

    @Test("the README's table names the keys that a file may have")
    func table() throws {
        let repository = (0..<3).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let readme = try String(contentsOf: repository.appending(path: "README.md"), encoding: .utf8)
        let named = readme.matches(of: /(?m)^\| `(MARKET_[A-Z_]+)` \|/).map { String($0.1) }
        #expect(named.sorted() == ServerSettings.keys.sorted())
    }

    @Test(
        "a public address is one that a client can reach",
        arguments: [
            ("https://market.test/", "https://market.test"), ("http://[::1]:8080", "http://[::1]:8080"),
            ("https://m.test/market//", "https://m.test/market"), ("nonsense", nil), ("ftp://m.test", nil), ("https://", nil),
            ("https://m.test?a=b", nil), ("https://m.test/#a", nil), ("https://m test", nil), ("https://m.test:99999", nil),
            ("https://me@m.test", nil),
        ] as [(String, String?)])
    func publicURL(given: String, due: String?) async throws {
        #expect(PublicURL.read(given) == due)
        if due == nil {
            await #expect(throws: ConfigurationError.self) { try await settings("--database-url", "x", "--public-url", given) }
            #expect(throws: (any Error).self) { try DemoCommand.Seed.parse(["--public-url", given]) }
        }
    }

    @Test(
        "an operator token is one that fits behind Bearer",
        arguments: ["0123456789 abcdef", "0123456789abcdeß", "short", "0123456789abcdef\t"])
    func operatorToken(token: String) async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "market-\(UUID().uuidString).env")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("DATABASE_URL=x\nMARKET_OPERATOR_TOKEN='\(token)'\n".utf8).write(to: file)
        let error = await #expect(throws: ConfigurationError.self) { try await settings("--config", file.path) }
        #expect(error?.key == "MARKET_OPERATOR_TOKEN" && error?.description.contains(token) == false)
    }

    @Test("numbers out of range are refused before anything begins")
    func ranges() throws {
        for arguments in [["--port", "99999"], ["--port=-1"], ["--events=-4"]] {
            #expect(throws: (any Error).self, "\(arguments)") { try DevCommand.parse(arguments) }
        }
        #expect(throws: (any Error).self) { try DemoCommand.Seed.parse(["--events=-5"]) }
        #expect(try DevCommand.parse(["--port", "0"]).port == 0)
    }

    @Test(
        "a server has a connection for an audience, one for a count and one to say who is calling, or does not begin",
        arguments: [3, 4, 500, 501])
    func databaseConnections(count: Int) async throws {
        func settings() async throws -> ServerSettings {
            try await self.settings("--database-url", "x", "--database-connections", "\(count)")
        }
        guard (4...500).contains(count) else {
            let error = await #expect(throws: ConfigurationError.self) { try await settings() }
            #expect(error?.key == "MARKET_DATABASE_CONNECTIONS")
            return
        }
        let made = try await settings()
        #expect(made.database.maxConnections >= 3 && made.database.maxConnections + made.recording.maxConnections == count)
    }

    @Test("the version is the contract's")
    func version() {
        #expect(MarketCommand.configuration.version.wholeMatch(of: /\d+\.\d+\.\d+/) != nil)
    }

    private func settings(_ arguments: String...) async throws -> ServerSettings {
        try await ServerSettings(ConfigurationOptions.parse(arguments).reader())
    }
}
