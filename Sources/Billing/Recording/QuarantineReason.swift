/// Why something that was sent is not applied.
public enum QuarantineReason: String, Sendable, CaseIterable {
    /// The same identity as a recorded event, with another content.
    case conflict
    /// The product, or the app, is not known (yet).
    case unknownProduct = "unknown_product"
    /// Well formed, but breaks a rule.
    case invalid
    /// Not of the shape of an event at all.
    case malformed
    /// Larger than what is taken; the beginning is kept.
    case oversized
    /// An action that we do not know; kept, and nothing is expected of anybody.
    case unknownAction = "unknown_action"
}
