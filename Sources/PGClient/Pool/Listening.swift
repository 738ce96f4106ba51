import Logging

/// What a listener hears, in order.
public struct Notifications: AsyncSequence, Sendable {
    public enum Element: Sendable, Equatable {
        case notification(Notification)
        /// The connection was lost and made again: what was said in between was missed, so read again what the notifications are about.
        case reconnected
    }

    let listener: Listener

    public func makeAsyncIterator() -> Iterator {
        Iterator(listener: listener)
    }

    public struct Iterator: AsyncIteratorProtocol {
        let listener: Listener

        /// Waits for the next one; throws when the task is cancelled.
        public mutating func next() async throws -> Element? {
            try await listener.next()
        }
    }
}

/// Holds the connection of a listener, outside the pool: it waits for as long as it takes.
actor Listener {
    private let configuration: PGClient.Configuration
    private let channels: [String]
    private let logger: Logger
    private var connection: PGConnection?
    private var pending: [Notification] = []
    private var attempts = 0

    init(_ configuration: PGClient.Configuration, channels: [String], logger: Logger) {
        self.configuration = configuration
        self.channels = channels
        self.logger = logger
    }

    func start() async throws(PGError) {
        let new = PGConnection(number: 0, statementCacheSize: 0, logger: logger)
        try await new.connect(
            ConnectionString.completed(configuration.url, applicationName: configuration.applicationName),
            settings: configuration.sessionSettings, timeout: configuration.connectTimeout)
        for channel in channels { try await new.listen(to: channel) }
        connection = new
        attempts = 0
    }

    func next() async throws -> Notifications.Element {
        while true {
            if !pending.isEmpty { return .notification(pending.removeFirst()) }
            guard let connection else {
                try await reconnect()
                return .reconnected
            }
            do throws(PGError) {
                pending = try await connection.cancellable { connection throws(PGError) in try connection.waitForNotifications() }
            } catch {
                if error.kind == .cancelled { throw error }
                logger.warning("a listener lost its connection", metadata: ["error": "\(error)"])
                await connection.close()
                self.connection = nil
            }
        }
    }

    private func reconnect() async throws {
        while true {
            do {
                return try await start()
            } catch {
                attempts += 1
                // 5 ms doubled up to 1 s, spread as the pool's are.
                try await Task.sleep(for: .milliseconds(min(5.0 * Double(1 << min(attempts, 8)), 1000) * Double.random(in: 1...1.5)))
            }
        }
    }

    func stop() async {
        await connection?.close()
        connection = nil
    }
}

extension PGClient {
    /// Listens to channels on a connection of its own and hands what it hears to the body, also after the connection was lost and made again.
    public func listen<T: Sendable>(to channels: StaticString..., body: (Notifications) async throws -> T) async throws -> T {
        let listener = Listener(configuration, channels: channels.map { "\($0)" }, logger: logger)
        try await listener.start()
        do {
            let result = try await body(Notifications(listener: listener))
            await listener.stop()
            return result
        } catch {
            await listener.stop()
            throw error
        }
    }
}
