import CLibPQ
import Foundation

/// A libpq connection string with what it leaves open filled in.
struct ConnectionString: Sendable {
    /// What a connection gets unless the string or the environment says otherwise. A cut network is noticed in about half a minute.
    private static let defaults: [(String, String)] = [
        ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "30000"),
    ]

    private var given: [String: String] = [:]

    /// - Throws: `PGError` of kind connection when libpq cannot read the string.
    init(_ string: String, applicationName: String) throws(PGError) {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(string, &message) else {
            defer { PQfreemem(message) }
            throw Self.unreadable
        }
        defer { PQconninfoFree(options) }
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { given[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        // An unescaped slash in a password makes a part of it the port, which libpq would quote.
        guard (given["port"] ?? "").split(separator: ",").allSatisfy({ UInt16($0) != nil }) else { throw Self.unreadable }
        for (keyword, value) in Self.defaults + [("fallback_application_name", applicationName)] where given[keyword] == nil {
            given[keyword] = value
        }
    }

    /// As libpq takes it.
    var text: String {
        given.sorted { $0.key < $1.key }.map { "\($0.key)='\(Self.escaped($0.value))'" }.joined(separator: " ")
    }

    /// How long one host may take to connect, where the string or the environment says so.
    var timeout: Duration? {
        guard let seconds = value("connect_timeout", "PGCONNECT_TIMEOUT").flatMap({ Int($0) }), seconds > 0 else { return nil }
        return .seconds(seconds)
    }

    /// The same without one of its hosts, named as libpq names the one it is at; nil when there is no other.
    func leavingOut(_ host: String, port: String) -> ConnectionString? {
        let (names, addresses, ports) = (list("host", "PGHOST"), list("hostaddr", "PGHOSTADDR"), list("port", "PGPORT"))
        let count = max(names.count, addresses.count)
        guard count > 1, ports.count <= 1 || ports.count == count else { return nil }
        let index = (0..<count).first { index in
            let address = addresses.count == count ? addresses[index] : ""
            let name = names.count == count && !names[index].isEmpty ? names[index] : address
            let its = ports.count == count ? ports[index] : ports.first ?? ""
            return (name.isEmpty || name == host) && (its.isEmpty || its == port)
        }
        guard let index else { return nil }
        var others = self
        for (keyword, list) in [("host", names), ("hostaddr", addresses), ("port", ports)] where list.count == count {
            var list = list
            list.remove(at: index)
            others.given[keyword] = list.joined(separator: ",")
        }
        return others
    }

    private func list(_ keyword: String, _ variable: String) -> [String] {
        value(keyword, variable)?.split(separator: ",", omittingEmptySubsequences: false).map(String.init) ?? []
    }

    private func value(_ keyword: String, _ variable: String) -> String? {
        given[keyword] ?? ProcessInfo.processInfo.environment[variable]
    }

    /// Says nothing of the string, which may hold a password; libpq's own messages quote it.
    private static var unreadable: PGError {
        PGError(.connection, "the connection string cannot be read: it is neither a URI nor keywords and values that libpq knows")
    }

    /// Whether libpq's `options` ("-c name=value --name=value") make a setting.
    static func options(_ options: String, set name: String) -> Bool {
        options.split(separator: " ").contains { word in
            let setting = word.hasPrefix("-c") || word.hasPrefix("--") ? word.dropFirst(2) : word
            return setting.prefix { $0 != "=" }.replacing("-", with: "_") == name
        }
    }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("'", with: "\\'")
    }
}
