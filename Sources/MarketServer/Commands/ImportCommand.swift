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

            Exit status: 0 when every line is recorded or known, 3 when some were kept in quarantine, 1 when the import failed, 130 when it was \
            interrupted by Ctrl-C.
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
        let client = try database.client(settings: EventRecorder.recordingSettings, logger: logger)
        let recorder = EventRecorder(client, logger: logger)
        let tally = ImportTally()
        do {
            let input = try Input(file)
            try await withRunning([client, recorder], logger: logger) {
                try await Migrator.requireCurrent(client)
                try await record(input, with: recorder, on: client, tally)
            }
        } catch Backfill.Failure.badHeader(let detail) {
            throw CommandFailure("\(file ?? "standard input") does not begin with the header of a CSV of payment events: \(detail)")
        } catch let error as Interrupted {
            print("interrupted; so far \(tally.counts). Run the same command again: what is recorded is a duplicate then")
            throw error.exitCode
        }
        print(tally.counts)
        if tally.counts.quarantined > 0 { throw ExitCode(3) }
    }

    private func record(_ input: Input, with recorder: EventRecorder, on client: PGClient, _ tally: ImportTally) async throws {
        let publisherID = Publisher.ID(rawValue: publisher)
        guard try await client.run(Publisher.with(publisherID)) != nil else {
            throw CommandFailure("there is no publisher \(publisherID)")
        }
        let format: Backfill.Format = (self.format ?? (file?.hasSuffix(".csv") == true ? .csv : .ndjson)) == .csv ? .csv : .ndjson
        let backfill = Backfill(recorder, mailroom: Mailroom(client), publisher: publisherID, source: .import)
        var progress = ProgressBar(total: input.size)
        try await backfill.run(input.chunks, format: format) { answers in
            let rows = tally.add(answers)
            if !quiet { progress.update(done: input.position.done, rows: rows) }
        }
        if !quiet { progress.finish(rows: tally.counts.rows) }
    }
}

/// A log on standard error for commands, so that standard output is theirs.
func commandLogger(_ label: String) -> Logger {
    var logger = Logger(label: label, factory: { StreamLogHandler.standardError(label: $0) })
    logger.logLevel = .notice
    return logger
}
