import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// What ended beside the others.
private enum Ended<R: Sendable>: Sendable {
    case services
    case body(R)
    case signals
}

/// Runs services around a body and shuts them down gracefully behind it.
///
/// - Parameter trapped: signals that cancel the body. Behind it they end the process, whoever traps them next: so none where somebody will.
/// - Throws: `Interrupted` after such a signal, once body and services have ended; what the body throws.
func withRunning<R: Sendable>(
    _ services: [any Service], trapping trapped: [UnixSignal] = [.sigint, .sigterm], logger: Logger,
    _ body: @Sendable @escaping () async throws -> R
) async throws -> R {
    let group = ServiceGroup(
        configuration: .init(services: services.map { .init(service: $0, successTerminationBehavior: .ignore) }, logger: logger))
    let signals = await UnixSignalsSequence(trapping: trapped)
    // Nobody would hear them any more.
    defer { for signal in trapped { Foundation.signal(signal.rawValue, SIG_DFL) } }
    return try await withThrowingTaskGroup(of: Ended<R>.self) { tasks in
        tasks.addTask {
            try await group.run()
            return .services
        }
        tasks.addTask { .body(try await body()) }
        tasks.addTask {
            for await signal in signals { throw Interrupted(signal: signal) }
            return .signals
        }
        var result: R?
        do {
            while let ended = try await tasks.next() {
                switch ended {
                case .body(let value):
                    result = value
                    await group.triggerGracefulShutdown()
                case .services:
                    guard let result else { throw CancellationError() }
                    tasks.cancelAll()
                    return result
                case .signals: break
                }
            }
            throw CancellationError()
        } catch {
            await group.triggerGracefulShutdown()
            tasks.cancelAll()
            throw error
        }
    }
}
