import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// `POST /v1/payment-events` as a sender meets it: each line that is answered is acknowledged, whatever becomes of the rest.
enum Backfill {
    enum Ending: Sendable, Equatable {
        /// Every line was answered.
        case whole
        case later
        /// No answer at all.
        case unanswered
        /// The answer began and broke off: what the server does when its database fails, for the status is long sent.
        case brokenOff
        case wrong(String)
    }

    /// Sends lines as one request, and hands over each answer as it comes.
    static func send(_ lines: [Sending], on stage: Stage, _ hear: (Sending, Answer) -> Void) async -> Ending {
        var request = HTTPClientRequest(url: stage.url("/v1/payment-events"))
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(stage.market.apiKey)")
        request.headers.add(name: "Content-Type", value: "application/x-ndjson")
        request.body = .bytes(ByteBuffer(string: lines.map(\.body).joined(separator: "\n")))
        do {
            let response = try await Stage.client.execute(request, timeout: Stage.patience)
            guard response.status == .ok else {
                let text = String(buffer: try await response.body.collect(upTo: 1 << 16))
                return response.status == .serviceUnavailable ? .later : .wrong("\(response.status.code) \(text.prefix(300))")
            }
            return await read(response.body, of: lines, hear)
        } catch {
            return .unanswered
        }
    }

    private static func read(_ body: HTTPClientResponse.Body, of lines: [Sending], _ hear: (Sending, Answer) -> Void) async -> Ending {
        var answers = Answers(to: lines)
        do {
            for try await buffer in body {
                if let wrong = answers.take(buffer.readableBytesView, hear) { return .wrong(wrong) }
            }
        } catch {
            return .brokenOff
        }
        return answers.isWhole ? .whole : .wrong("the answer came to its end with \(answers.count) of \(lines.count) lines")
    }

    /// The lines of an answer as they come in, in whatever pieces, held against the lines that were sent.
    struct Answers {
        private let lines: [Sending]
        private var rest: [UInt8] = []
        private(set) var count = 0

        init(to lines: [Sending]) {
            self.lines = lines
        }

        var isWhole: Bool { count == lines.count && rest.isEmpty }

        /// - Returns: what is wrong with them, if anything is.
        mutating func take(_ bytes: some Sequence<UInt8>, _ hear: (Sending, Answer) -> Void) -> String? {
            rest.append(contentsOf: bytes)
            var pieces = rest.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            rest = Array(pieces.popLast() ?? [])
            for piece in pieces {
                let text = String(decoding: piece, as: UTF8.self)
                guard count < lines.count else { return "more lines than were sent: \(text)" }
                guard let answer = Self.answer(text, to: lines[count], line: count + 1) else { return "line \(count + 1): \(text)" }
                count += 1
                hear(lines[count - 1], answer)
            }
            return nil
        }

        private static func answer(_ text: String, to sending: Sending, line: Int) -> Answer? {
            let trade = sending.message.trade
            // Word for word, as nearly all of them are: there are too many to be decoded.
            if text == #"{"line":\#(line),"status":"recorded","tradeNo":"\#(trade)"}"# { return .recorded }
            if text == #"{"line":\#(line),"status":"duplicate","tradeNo":"\#(trade)"}"# { return .duplicate }
            guard let kept = try? JSONDecoder().decode(Kept.self, from: Data(text.utf8)), kept.line == line, kept.tradeNo == trade,
                kept.status == "invalid", kept.reason.hasPrefix("no product")
            else { return nil }
            return .kept(kept.quarantineId)
        }

        private struct Kept: Decodable {
            let line: Int
            let status: String
            let reason: String
            let tradeNo: String
            let quarantineId: Int64
        }
    }
}
