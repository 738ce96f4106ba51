/// How a cluster is stopped.
public enum StopMode: Sendable {
    /// Sessions are ended, the data is written out.
    case fast
    /// As a crash: the next start recovers from the log.
    case immediate
}
