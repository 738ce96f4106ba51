import PGClient
import ProductCatalog

/// Records a stream of `order_pay` lines, NDJSON or CSV, of any length: every line gets an answer, and none is skipped.
///
/// While some chunks are being recorded the next one is read; no more than that is held. Answers do not wait for what is read behind them.
public struct Backfill: Sendable {
    public enum Format: Sendable {
        /// One data object a line.
        case ndjson
        /// A header and one record a line.
        case csv
    }

    public struct Answer: Sendable {
        /// From 1.
        public let line: Int
        public let tradeNumber: String?
        public let outcome: RecordOutcome
    }

    public enum Failure: Error, Sendable {
        /// The first line of a CSV is no header of ours.
        case badHeader(String)
    }

    private let recorder: EventRecorder
    private let mailroom: Mailroom
    private let publisherID: Publisher.ID
    private let source: RecordedEvent.Source

    /// Lines of a chunk: some of them make a transaction that is cheap for each event, and each line that is under way takes some two kilobytes.
    static let chunkSize = 500
    /// Bytes of a chunk, but for its last line: lines may be long, and memory is that of the chunks under way and the next.
    static let chunkBytes = 1 << 20
    /// Chunks that are taken in before the answers to the first are there: some in flight, and some to go on with. A chunk ends with the last of its
    /// events, and those of busy subscribers wait for a batch or two; with three chunks two processors were idle for a quarter of the time.
    private let chunksUnderWay: Int

    /// - Parameter chunksUnderWay: the more, the less the database waits for lines, and the more lines are held.
    public init(
        _ recorder: EventRecorder, mailroom: Mailroom, publisher: Publisher.ID, source: RecordedEvent.Source, chunksUnderWay: Int = 8
    ) {
        precondition(chunksUnderWay >= 1, "no line would ever be read")
        self.recorder = recorder
        self.mailroom = mailroom
        publisherID = publisher
        self.source = source
        self.chunksUnderWay = chunksUnderWay
    }

    /// A line as it was read.
    private enum Reading: Sendable {
        case message(Submission)
        case unreadable(QuarantineReason, detail: String, body: [UInt8])
    }

    private struct Chunk: Sendable {
        var lines: [(number: Int, reading: Reading)] = []
        var bytes = 0
        var isFull: Bool { lines.count >= chunkSize || bytes >= chunkBytes }
        var submissions: [Submission] {
            lines.compactMap { line in
                if case .message(let submission) = line.reading { submission } else { nil }
            }
        }
    }

    /// Records all lines and hands the answers over in their order, chunk by chunk, each once it is durable.
    ///
    /// - Throws: `Failure.badHeader`; `PGError` when the database fails (what was answered is recorded, and sending all again is safe); what the
    ///   stream or `deliver` throws.
    public func run<Bytes: AsyncSequence & Sendable>(_ stream: Bytes, format: Format, deliver: ([Answer]) async throws -> Void) async throws
    where Bytes.Element: Sequence<UInt8> {
        let (taken, taking) = AsyncThrowingStream.makeStream(of: Taken.self)
        let (slots, slot) = AsyncStream.makeStream(of: Void.self)
        for _ in 0..<chunksUnderWay { slot.yield() }
        // Read beside, so that whoever waits for answers before he sends more gets them.
        async let reading: Void = read(stream, format, slots, taking)
        for try await (chunk, receipt) in taken {
            try await deliver(answers(to: chunk, receipt))
            slot.yield()
        }
        // To a task that is cancelled the stream just ends.
        try Task.checkCancellation()
        await reading
    }

    /// A chunk, and where its outcomes will be.
    private typealias Taken = (chunk: Chunk, receipt: EventRecorder.Receipt)

    /// Has the chunks of the stream recorded in their order, each when there is a slot for it.
    private func read<Bytes: AsyncSequence>(
        _ stream: Bytes, _ format: Format, _ slots: AsyncStream<Void>, _ taking: AsyncThrowingStream<Taken, any Error>.Continuation
    ) async where Bytes.Element: Sequence<UInt8> {
        var splitter = LineSplitter()
        var reader = LineReader(format: format, publisher: publisherID, source: source)
        var chunk = Chunk()
        var free = slots.makeAsyncIterator()
        func send() async throws {
            guard await free.next() != nil else { throw CancellationError() }
            // Taken in here, in the order of the lines: of two that contradict each other the first one stands.
            taking.yield((chunk, recorder.take(chunk.submissions)))
            chunk = Chunk()
        }
        func take(_ line: LineSplitter.Line) async throws {
            guard let reading = try reader.read(line) else { return }
            chunk.lines.append((line.number, reading))
            chunk.bytes += line.bytes.count
            if chunk.isFull { try await send() }
        }
        do {
            for try await bytes in stream {
                for line in splitter.lines(in: bytes) { try await take(line) }
            }
            // To a task that is cancelled a stream may just end: what is left is no line then.
            try Task.checkCancellation()
            if let line = splitter.end() { try await take(line) }
            if !chunk.lines.isEmpty { try await send() }
            taking.finish()
        } catch {
            // Behind the answers to what was read before.
            taking.finish(throwing: error)
        }
    }

    private struct LineReader {
        let format: Format
        let publisher: Publisher.ID
        let source: RecordedEvent.Source
        var csv: OrderPayCSV?

        init(format: Format, publisher: Publisher.ID, source: RecordedEvent.Source) {
            self.format = format
            self.publisher = publisher
            self.source = source
        }

        /// Nil for a line that asks for no answer: a blank one, the header.
        mutating func read(_ line: LineSplitter.Line) throws(Failure) -> Reading? {
            if line.oversized {
                return .unreadable(
                    .oversized, detail: "longer than \(LineSplitter.limit) bytes; the beginning is kept, once for all that begin so",
                    body: line.bytes)
            }
            if line.isBlank { return nil }
            switch format {
            // A byte order mark is what some editors put in front.
            case .ndjson:
                return json(line.number == 1 && line.bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(line.bytes.dropFirst(3)) : line.bytes)
            case .csv:
                guard let csv else {
                    do {
                        csv = try OrderPayCSV(header: line.bytes)
                    } catch {
                        throw .badHeader(error.detail)
                    }
                    return nil
                }
                do {
                    let message = try csv.message(line.bytes)
                    return .message(Submission(message, publisher: publisher, inboundApp: nil, source: source, body: message.json))
                } catch {
                    return .unreadable(.malformed, detail: error.detail, body: line.bytes)
                }
            }
        }

        private func json(_ bytes: [UInt8]) -> Reading {
            switch OrderPay.read(bytes) {
            case .success(let message): .message(Submission(message, publisher: publisher, inboundApp: nil, source: source, body: bytes))
            case .failure(let unreadable): .unreadable(.malformed, detail: unreadable.detail, body: bytes)
            }
        }
    }

    private func answers(to chunk: Chunk, _ receipt: EventRecorder.Receipt) async throws -> [Answer] {
        var outcomes = try await receipt.outcomes[...]
        let unreadable = chunk.lines.compactMap { line -> Keepsake? in
            guard case .unreadable(let reason, let detail, let body) = line.reading else { return nil }
            return Keepsake(publisher: publisherID, app: nil, source: source, reason: reason, detail: detail, body: body)
        }
        var numbers = try await mailroom.keep(unreadable)[...]
        var answers: [Answer] = []
        for line in chunk.lines {
            switch line.reading {
            case .message(let submission):
                answers.append(Answer(line: line.number, tradeNumber: submission.message.tradeNo, outcome: outcomes.removeFirst()))
            case .unreadable(let reason, let detail, _):
                let outcome = RecordOutcome.quarantined(reason, detail: detail, id: numbers.removeFirst())
                answers.append(Answer(line: line.number, tradeNumber: nil, outcome: outcome))
            }
        }
        return answers
    }
}

extension OrderPay {
    /// Why bytes are no message.
    public struct Unreadable: Error, Sendable {
        public let detail: String
        public let violations: [FieldViolation]
    }

    /// Reads a data object from its JSON text.
    public static func read(_ bytes: [UInt8]) -> Result<OrderPay, Unreadable> {
        do throws(JSONSyntaxError) {
            let json = try JSONValue(parsing: bytes)
            guard case .object(let object) = json else {
                return .failure(Unreadable(detail: "an object is due, this is \(json.kind)", violations: []))
            }
            return read(object)
        } catch {
            return .failure(Unreadable(detail: error.description, violations: []))
        }
    }

    /// Reads a data object.
    public static func read(_ object: JSONObject, at pointer: String = "") -> Result<OrderPay, Unreadable> {
        do {
            return .success(try OrderPay(object, at: pointer))
        } catch {
            let detail = error.violations.map { "\($0.pointer.split(separator: "/").last ?? ""): \($0.detail)" }.joined(separator: "; ")
            return .failure(Unreadable(detail: detail, violations: error.violations))
        }
    }
}
