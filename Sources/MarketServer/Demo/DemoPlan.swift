import Foundation

/// Which made-up history a demo market is filled with, and whether it is there: the same plan makes the same events, so that one whose recording was
/// interrupted can be recorded again.
struct DemoPlan: Codable, Equatable, Sendable {
    /// None at all, or so many.
    let events: Int
    let seed: UInt64
    /// Of the last event, ms since 1970.
    let end: Int64
    var isComplete = false

    /// A history that ends now.
    init(events: Int, seed: UInt64) {
        self.events = events
        self.seed = seed
        end = Int64(Date().timeIntervalSince1970 * 1000)
    }

    private static func file(in folder: URL) -> URL { folder.appending(path: "demo-market.json") }

    /// The plan that a folder keeps; nil when it keeps none.
    ///
    /// - Throws: `CommandFailure` when what is kept there is none.
    static func kept(in folder: URL) throws -> DemoPlan? {
        let file = file(in: folder)
        guard FileManager.default.fileExists(atPath: file.path) else { return nil }
        do {
            return try JSONDecoder().decode(DemoPlan.self, from: try Data(contentsOf: file))
        } catch is DecodingError {
            throw CommandFailure("\(file.path) is damaged: delete it to leave the demo market as it is, or the folder to begin anew")
        }
    }

    /// Keeps it there, in the place of what was kept before.
    func keep(in folder: URL) throws {
        try JSONEncoder().encode(self).write(to: Self.file(in: folder), options: .atomic)
    }
}
