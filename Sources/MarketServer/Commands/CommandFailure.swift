import Foundation
import NIOCore

/// Why a command ends, in words for a person.
struct CommandFailure: Error, Equatable, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }

    /// - Parameters:
    ///   - what: what could not be done, as half a sentence.
    ///   - code: an `errno`, which says why.
    init(_ what: String, code: Int32) {
        description = "\(what): \(String(cString: strerror(code)).lowercased())"
    }
}

extension CommandFailure {
    /// The words for an error of the system that nobody has put into words where it arose; nil for all others, which have their own.
    init?(system error: any Error) {
        switch error {
        case let error as POSIXError: self.init("the system refused", code: error.code.rawValue)
        case let error as IOError: self.init("the network refused", code: error.errnoCode)
        case let error as CocoaError: self.init(path: error.filePath, underlying: error.underlying, code: error.code.rawValue)
        case let error as NSError where error.domain == NSPOSIXErrorDomain: self.init("the system refused", code: Int32(error.code))
        case let error as NSError where error.domain == NSCocoaErrorDomain:
            self.init(
                path: error.userInfo[NSFilePathErrorKey] as? String, underlying: error.userInfo[NSUnderlyingErrorKey] as? any Error,
                code: error.code)
        default: return nil
        }
    }

    private init(path: String?, underlying: (any Error)?, code: Int) {
        let what = "cannot use \(path ?? "a file")"
        switch (underlying, CocoaError.Code(rawValue: code)) {
        case (let error as POSIXError, _): self.init(what, code: error.code.rawValue)
        case (let error as NSError, _) where error.domain == NSPOSIXErrorDomain: self.init(what, code: Int32(error.code))
        case (_, .fileNoSuchFile), (_, .fileReadNoSuchFile): self.init(what, code: ENOENT)
        case (_, .fileReadNoPermission), (_, .fileWriteNoPermission): self.init(what, code: EACCES)
        case (_, .fileWriteFileExists): self.init(what, code: EEXIST)
        case (_, .fileWriteOutOfSpace): self.init(what, code: ENOSPC)
        default: self.init("\(what) (error \(code))")
        }
    }
}
