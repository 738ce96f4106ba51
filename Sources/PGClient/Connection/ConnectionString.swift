import CLibPQ

/// A libpq connection string with what it leaves open filled in.
enum ConnectionString {
    /// What a connection gets unless the string or the environment says otherwise. A cut network is noticed in about half a minute.
    private static let defaults: [(String, String)] = [
        ("keepalives_idle", "15"), ("keepalives_interval", "5"), ("keepalives_count", "3"), ("tcp_user_timeout", "30000"),
    ]

    /// - Throws: `PGError` of kind connection when libpq cannot read the string.
    static func completed(_ string: String, applicationName: String) throws(PGError) -> String {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(string, &message) else {
            defer { PQfreemem(message) }
            throw unreadable
        }
        defer { PQconninfoFree(options) }
        var given: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { given[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        // An unescaped slash in a password makes a part of it the port, which libpq would quote.
        guard (given["port"] ?? "").split(separator: ",").allSatisfy({ UInt16($0) != nil }) else { throw unreadable }
        for (keyword, value) in defaults + [("fallback_application_name", applicationName)] where given[keyword] == nil {
            given[keyword] = value
        }
        return given.sorted { $0.key < $1.key }.map { "\($0.key)='\(escaped($0.value))'" }.joined(separator: " ")
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
