import CLibPQ

extension PGConnection {
    /// Connects and applies the session settings. Each host may take `timeout`, or what `connect_timeout` of the string says; one that does not answer
    /// in that time is left out and the others are tried.
    ///
    /// Settings that the string's own `options` make are left as they are; `role` is not, because it takes rights away.
    ///
    /// - Throws: `PGError` with outcome not applied: nothing was asked for yet.
    func connect(_ string: ConnectionString, settings: [(name: String, value: String)], timeout: Duration) throws(PGError) {
        do throws(PGError) {
            guard wake.descriptor >= 0 else { throw PGError(.connection, "no file descriptor is left for a connection") }
            let timeout = string.timeout ?? timeout
            try reach(string, within: timeout)
            guard PQsetnonblocking(handle, 1) == 0 else { throw failure("the connection cannot be made non-blocking") }
            backendPID = PQbackendPID(handle)
            bound = timeout
            defer { bound = nil }
            let options = PQoptions(handle).map { String(cString: $0) } ?? ""
            try apply(settings.filter { $0.name == "role" || !ConnectionString.options(options, set: $0.name) })
        } catch {
            close()
            var error = error
            error.outcome = .notApplied
            throw error
        }
    }

    private func reach(_ string: ConnectionString, within timeout: Duration) throws(PGError) {
        var string = string
        while true {
            guard let new = PQconnectStart(string.text) else { throw PGError(.connection, "no memory for a connection") }
            handle = new
            // libpq writes notices to stderr by itself otherwise.
            PQsetNoticeReceiver(new, { _, _ in }, nil)
            if try finishConnecting(within: timeout) { return }
            // libpq goes on to the next host by itself when one refuses; one that hangs is ours to leave.
            let hung = host
            guard let others = string.leavingOut(hung.name, port: hung.port) else {
                throw PGError(.connection, "no answer in time while connecting")
            }
            PQfinish(new)
            handle = nil
            string = others
        }
    }

    /// - Returns: false when the host that is being tried has not answered in time.
    private func finishConnecting(within timeout: Duration) throws(PGError) -> Bool {
        var state = PGRES_POLLING_WRITING
        var tried = host
        var deadline = ContinuousClock.now + timeout
        while true {
            do throws(PGError) {
                switch state {
                case PGRES_POLLING_OK: return true
                case PGRES_POLLING_READING: try wait(.reading, until: deadline, cancellable: true)
                case PGRES_POLLING_WRITING: try wait(.writing, until: deadline, cancellable: true)
                default: throw failure("cannot connect")
                }
            } catch  where error.kind == .connection && state != PGRES_POLLING_FAILED && deadline <= .now {
                return false
            }
            state = PQconnectPoll(handle)
            let next = host
            if next != tried {
                tried = next
                deadline = .now + timeout
            }
        }
    }

    /// The host that is being tried, as libpq names it.
    private var host: Host {
        Host(name: PQhost(handle).map { String(cString: $0) } ?? "", port: PQport(handle).map { String(cString: $0) } ?? "")
    }

    /// Applies settings, and learns which limit is in force then: the string's, the role's or ours.
    private func apply(_ settings: [(name: String, value: String)]) throws(PGError) {
        guard !settings.isEmpty else { return }
        var statements: [Statement] = []
        for setting in settings {
            statements.append("select set_config(\(setting.name), \(setting.value), false)")
        }
        let limit = SQL("select (extract(epoch from current_setting('statement_timeout')::interval) * 1000)::bigint").value(Int.self)
        statements.append(limit.sql)
        let results = try exchange(try Statement.all(statements), .init())
        for result in results {
            if let error = result.error() { throw error }
        }
        guard let last = results.last else { return }
        let milliseconds = try limit.read(last)
        sessionLimit = milliseconds > 0 ? .milliseconds(milliseconds) : nil
        statementLimit = sessionLimit
    }

    private struct Host: Equatable {
        let name: String
        let port: String
    }

    /// Tries an idle connection: whether it answers within the time.
    nonisolated func check(within time: Duration) async throws(PGError) {
        try await cancellable { connection throws(PGError) in
            connection.bound = time
            defer { connection.bound = nil }
            _ = try connection.run([Statement(command: "select 1")], Frame())
        }
    }
}
