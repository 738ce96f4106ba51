import ArgumentParser
import UnixSignals

/// Somebody asked the command to end before it was done.
struct Interrupted: Error, Equatable {
    let signal: UnixSignal

    /// What a shell reports of a program that a signal ended.
    var exitCode: ExitCode { ExitCode(128 + signal.rawValue) }
}
