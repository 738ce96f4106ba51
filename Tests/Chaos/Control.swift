/// A wrong that is done on purpose: the checks must find it.
enum Control {
    /// Rounds that a control has to be found in: some hang on what was in flight.
    private static let attempts = 20

    /// Plays rounds until the checks object, and prints the line.
    ///
    /// - Returns: a complaint when they never do.
    static func mustFail(_ what: String, _ round: (Int) async throws -> [String]) async throws -> [String] {
        for attempt in 1...attempts {
            guard let first = try await round(attempt).first else { continue }
            found(what, first)
            return []
        }
        return notFound(what, "in \(attempts) rounds")
    }

    static func found(_ what: String, _ how: String) { Report.say("ok   control, \(what): found (\(how.prefix(150)))") }

    /// - Returns: the complaint.
    static func notFound(_ what: String, _ why: String) -> [String] {
        Report.say("FAIL control, \(what): not found, \(why)")
        return ["the control was not found: \(what)"]
    }
}
