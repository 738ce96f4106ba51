import ArgumentParser
import Billing
import Foundation
import Logging
import PGClient
import ProductCatalog

/// `market import`: records payment events from a file or from standard input.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Record payment events from NDJSON or CSV.",
        discussion: """
            Each line is an order_pay data object, or a CSV record under a header that names its fields. What is recorded already is a duplicate and \
            changes nothing, so an import that was interrupted is simply run again. A line that cannot be applied is kept in quarantine and named on \
            standard error.

            Exit status: 0 when every line is recorded or known, 3 when some were kept in quarantine, 1 when the import failed.
            """)

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case ndjson
        case csv
    }

    @OptionGroup var database: DatabaseOptions
    @Option(help: "The publisher whose events these are.")
    var publisher: Int64
    @Option(help: "ndjson or csv; by the file's name where it is not given.")
    var format: Format?
    @Flag(help: "Show no progress.")
    var quiet = false
    @Argument(help: "The file; - or nothing for standard input.")
    var file: String?

    func run() async throws {
        let logger = commandLogger("market.import")
        let client = try database.client(logger: logger)
        let recorder = EventRecorder(client, logger: logger)
        let input = try Input(file)
        let format: Backfill.Format = (self.format ?? (file?.hasSuffix(".csv") == true ? .csv : .ndjson)) == .csv ? .csv : .ndjson
        let publisherID = Publisher.ID(rawValue: publisher)
        let quiet = quiet
        let counts = try await withRunning([client, recorder], logger: logger) {
            guard try await client.run(Publisher.with(publisherID)) != nil else {
                throw ValidationError("there is no publisher \(publisherID)")
            }
            let backfill = Backfill(recorder, mailroom: Mailroom(client), publisher: publisherID, source: .import)
            var counts = Counts()
            var progress = ProgressBar(total: input.size)
            try await backfill.run(input.chunks, format: format) { answers in
                for answer in answers { counts.add(answer) }
                if !quiet { progress.update(done: input.position.done, rows: counts.rows) }
            }
            if !quiet { progress.finish(rows: counts.rows) }
            return counts
        }
        print("recorded \(counts.recorded), duplicate \(counts.duplicate), quarantined \(counts.quarantined), of \(counts.rows) rows")
        if counts.quarantined > 0 { throw ExitCode(3) }
    }

    struct Counts: Sendable {
        var rows = 0
        var recorded = 0
        var duplicate = 0
        var quarantined = 0

        mutating func add(_ answer: Backfill.Answer) {
            rows += 1
            switch answer.outcome {
            case .recorded: recorded += 1
            case .duplicate: duplicate += 1
            case .quarantined(let reason, let detail, let id):
                quarantined += 1
                FileHandle.standardError.write(Data("line \(answer.line): \(reason.rawValue): \(detail) (kept as \(id))\n".utf8))
            }
        }
    }
}

/// A log on standard error for commands, so that standard output is theirs.
func commandLogger(_ label: String) -> Logger {
    var logger = Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = .notice
    return logger
}
