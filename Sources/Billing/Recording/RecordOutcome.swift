/// What became of a submission, once that is durable.
public enum RecordOutcome: Sendable, Equatable {
    /// New, and applied to its windows.
    case recorded
    /// Known already, word for word; nothing changed.
    case duplicate
    /// Kept for a person, not applied.
    case quarantined(QuarantineReason, detail: String, id: QuarantinedMessage.ID)
}
