import Foundation

/// Who may run PostgreSQL: it refuses root, so root borrows an unprivileged user.
struct Runner {
    /// Nil when the caller is no root and runs it himself.
    let user: String?

    init() throws {
        guard getuid() == 0 else {
            user = nil
            return
        }
        if getpwnam("postgres") != nil {
            user = "postgres"
            return
        }
        if getpwnam("market-postgres") == nil {
            try Shell.run(
                "/usr/sbin/useradd", ["--system", "--shell", "/usr/sbin/nologin", "--home-dir", "/nonexistent", "market-postgres"])
        }
        user = "market-postgres"
    }

    /// The program and arguments that run a command as that user.
    func command(_ arguments: [String]) -> (program: String, arguments: [String]) {
        guard let user else { return (arguments[0], Array(arguments.dropFirst())) }
        return ("/usr/bin/setpriv", ["--reuid", user, "--regid", user, "--init-groups", "--"] + arguments)
    }

    @discardableResult
    func run(_ arguments: [String]) throws -> String {
        let (program, arguments) = command(arguments)
        return try Shell.run(program, arguments)
    }

    /// Whether that user can reach and write a folder.
    func canUse(_ folder: URL) -> Bool {
        (try? run(["/usr/bin/test", "-w", folder.path, "-a", "-x", folder.path])) != nil
    }

    func own(_ folder: URL) throws {
        if let user { try Shell.run("/bin/chown", ["-R", user, folder.path]) }
    }
}
