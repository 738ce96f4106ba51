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
    private var attempts = 0

    init(_ configuration: PGClient.Configuration, channels: [String], logger: Logger) {
        self.configuration = configuration
        self.channels = channels
        self.logger = logger
    }

    /// - Returns: false when another task has made the connection meanwhile.
    @discardableResult
    func start() async throws(PGError) -> Bool {
        let new = PGConnection(number: 0, statementCacheSize: 0, logger: logger)
        let string = try ConnectionString(configuration.url, applicationName: configuration.applicationName)
        let (settings, timeout, channels) = (configuration.sessionSettings, configuration.connectTimeout, channels)
        try await new.cancellable { new throws(PGError) in
            try new.connect(string, settings: settings, timeout: timeout)
            new.patience = new.patience(for: 1)
            for channel in channels { try new.listen(to: channel) }
        }
        guard connection == nil else {
            await new.close()
            return false
        }
        connection = new
        attempts = 0
        return true
    }

    /// The next one that was said; of several tasks that ask, each gets others.
    func next() async throws -> Notifications.Element {
        while true {
            guard let connection else {
                if try await reconnect() { return .reconnected }
                continue
            }
            do throws(PGError) {
                return .notification(try await connection.cancellable { connection throws(PGError) in try connection.nextNotification() })
            } catch {
                if error.kind == .cancelled { throw error }
                await connection.close()
                guard self.connection === connection else { continue }
                logger.warning("a listener lost its connection", metadata: ["error": "\(error)"])
                self.connection = nil
            }
        }
    }

    private func reconnect() async throws -> Bool {
        while true {
            do throws(PGError) {
                return try await start()
            } catch {
                if error.kind == .cancelled { throw error }
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
