/// Does some work and tidies up after it, also when it fails: what comes next begins on clean ground.
///
/// - Throws: what the work threw; else what tidying up threw.
func tidied<Value>(by tidy: () throws -> Void, _ work: () throws -> Value) throws -> Value {
    let outcome = Result { try work() }
    do {
        try tidy()
    } catch {
        guard case .failure = outcome else { throw error }
        say("  could not tidy up after a failure: \(error)")
    }
    return try outcome.get()
}
