import Foundation

/// Lends PostgreSQL huge pages of the system's for the memory that its processes share, as its manual advises where that is much (19.4.5, Linux Huge
/// Pages): with small ones each process finds and keeps the place of every 4 kB by itself. A market of 10,000,000 events feels that, and so do the many
/// sessions of pgbench in any market.
struct HugePages {
    /// The pages that the system held before.
    private let before: Int

    private static let setting = URL(filePath: "/proc/sys/vm/nr_hugepages")
    private static let size = 2 << 20

    /// Nil where the system gives none, as to somebody who is not root: PostgreSQL does without them then.
    ///
    /// - Parameter bytes: of PostgreSQL's `shared_buffers`. What it shares besides was 2.7 % of that.
    init?(for bytes: Int) {
        let pages = bytes / Self.size * 104 / 100
        guard let before = Self.held else { return nil }
        self.before = before
        do {
            try Self.hold(before + pages)
        } catch {
            say("no huge pages: \(error.localizedDescription)")
            return nil
        }
        say("\((Self.held ?? before) - before) of \(pages) huge pages lent to PostgreSQL")
    }

    func giveBack() {
        do {
            try Self.hold(before)
        } catch {
            say("cannot give huge pages back: \(error.localizedDescription)")
        }
    }

    private static var held: Int? {
        // Without /proc there is nothing to be held.
        (try? String(contentsOf: setting, encoding: .utf8)).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    }

    private static func hold(_ pages: Int) throws { try Data("\(pages)\n".utf8).write(to: setting) }
}
