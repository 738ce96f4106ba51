import Foundation

/// What a program says to the person who started it: at once, also into a pipe, where `print` keeps what it is given.
///
/// Nobody may read there any more (`| head`). Whoever keeps a postmaster does not end of that, as a process does by itself (`Guardian`), so the text goes
/// elsewhere: a trap would leave undone what is undone at the end.
package enum Console {
    /// On standard output, for what was asked for. Where nobody reads that, on standard error with the reason.
    package static func say(_ text: String) {
        say(text, on: .standardOutput, or: .standardError)
    }

    /// On standard error, for what happens by the way.
    package static func tell(_ text: String, terminator: String = "\n") {
        write(text + terminator, to: .standardError)
    }

    static func say(_ text: String, on output: FileHandle, or error: FileHandle) {
        if let reason = write("\(text)\n", to: output) { write("\(text) (\(reason))\n", to: error) }
    }

    /// - Returns: why it could not be written; behind standard error there is nobody to be told.
    @discardableResult
    private static func write(_ text: String, to handle: FileHandle) -> String? {
        do {
            try handle.write(contentsOf: Data(text.utf8))
            return nil
        } catch {
            return error.localizedDescription
        }
    }
}
