import NIOConcurrencyHelpers

/// The handing over of the answers of one group.
///
/// Whoever takes answers to another thread may wait until the group's last one has been handed over, and wake that thread once for all of them.
public final class PGDelivery: Sendable {
    @TaskLocal private static var current: PGDelivery?

    private let endings = NIOLockedValueBox<[@Sendable () -> Void]>([])

    private init() {}

    /// Runs `ending` when the answers that are being handed over have been, at once where none are: to be called from an answer's closure.
    public static func afterThis(_ ending: @escaping @Sendable () -> Void) {
        guard let current else { return ending() }
        current.endings.withLockedValue { $0.append(ending) }
    }

    /// Hands over the answers of one group: all the calls of their closures.
    public static func together(_ handOver: () -> Void) {
        let delivery = PGDelivery()
        $current.withValue(delivery, operation: handOver)
        for ending in delivery.endings.withLockedValue({ $0 }) { ending() }
    }
}
