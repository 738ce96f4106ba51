import ProductCatalog

/// A callback of the hosted platform, `{"action":…,"data":{…}}`, as far as it concerns us.
public enum Callback: Sendable {
    case orderPay(OrderPay)
    /// An action that we do not know; its data is not looked at.
    case other(action: String)

    /// Why a body is no callback.
    public struct Malformed: Error {
        /// In words, for the quarantine.
        public let detail: String
        /// For the sender: `JSONSyntaxError` or `MalformedFields`.
        public let cause: any Error
    }

    /// Reads a body.
    ///
    /// - Throws: `Malformed` when the body is no JSON object with an `action`, or the data of an `order_pay` is not of its shape.
    public init(_ body: [UInt8]) throws(Malformed) {
        let json: JSONValue
        do {
            json = try JSONValue(parsing: body)
        } catch {
            throw Malformed(detail: error.description, cause: error)
        }
        guard case .object(let envelope) = json else {
            throw Self.malformed([FieldViolation("", "an object is due, this is \(json.kind)")])
        }
        do {
            var fields = JSONFields(envelope)
            let action = fields.string("action")
            let data = action == "order_pay" ? fields.object("data") : nil
            try fields.finish()
            self = if let data { .orderPay(try OrderPay(data, at: "/data")) } else { .other(action: action ?? "") }
        } catch {
            throw Self.malformed(error.violations)
        }
    }

    private static func malformed(_ violations: [FieldViolation]) -> Malformed {
        Malformed(
            detail: violations.map { $0.pointer.isEmpty ? $0.detail : "\($0.pointer): \($0.detail)" }.joined(separator: "; "),
            cause: MalformedFields(violations))
    }
}
