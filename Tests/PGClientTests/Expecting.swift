import PGClient
import TestSupport
import Testing

/// The error of a body that should fail with a `PGError`; nil when it does not fail.
func caught<T>(_ body: () async throws -> T) async -> PGError? {
    do {
        _ = try await body()
        return nil
    } catch let error as PGError {
        return error
    } catch {
        Issue.record("not a PGError: \(error)")
        return nil
    }
}

/// Asks again and again, forty seconds at most, until the condition holds: for what another process does and nobody announces.
func eventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(40)
    while try await !condition() {
        try #require(ContinuousClock.now < deadline, "the condition did not come to hold within 40 s")
        await Task.yield()
    }
}

/// A child's parent is asked for at the commit alone, a note stands by itself.
let parentsAndNotes = [
    Migration(
        number: 1, name: "tables",
        sql: """
            create table parent (id bigint primary key);
            create table child (
                id bigint primary key,
                parent bigint not null constraint child_has_parent references parent deferrable initially deferred
            );
            create table note (id bigint primary key, body text not null);
            """)
]
