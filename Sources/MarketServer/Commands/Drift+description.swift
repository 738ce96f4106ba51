import Billing
import ProductCatalog

extension Verification.Drift {
    /// The window, and what of it is not as its events make it.
    var line: String {
        let (stored, derived) = Self.differences(stored, derived)
        return "resource \(resourceID), \(uid): stored \(stored), derived \(derived)"
    }

    /// The fields in which two states differ, each side's; all fields of one that is alone.
    static func differences(_ stored: WindowState?, _ derived: WindowState?) -> (stored: String, derived: String) {
        let (left, right) = (fields(stored), fields(derived))
        guard let left, let right else { return (all(left), all(right)) }
        let differing = left.indices.filter { left[$0] != right[$0] }
        return (all(differing.map { left[$0] }), all(differing.map { right[$0] }))
    }

    private static func all(_ fields: [String]?) -> String { fields?.joined(separator: ", ") ?? "nothing" }

    private static func fields(_ state: WindowState?) -> [String]? {
        state.map {
            [
                "payEndTime \(text($0.payEndTime))", "last event \(text($0.lastEventTime))", "plain since \(text($0.plainSince))",
                "\($0.payments) payments", "\($0.unmatched) refunds without a known payment",
            ]
        }
    }

    private static func text(_ instant: Instant) -> String { instant == .never ? "never" : String(instant.milliseconds) }
}
