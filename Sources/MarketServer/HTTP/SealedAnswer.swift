import Crypto
import Foundation
import HTTPTypes

/// The answer to a request that may come again, so stored that only he who sent it can read it: it may hold secrets that are shown once.
///
/// The key is made of the caller's token and his idempotency key, neither of which is in the database, so a dump gives nothing away.
struct SealedAnswer: Sendable {
    private let key: SymmetricKey

    init(bearer: String, idempotencyKey: String) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: Array(bearer.utf8)), salt: Array(idempotencyKey.utf8),
            info: Array("market: answer to a repeated request".utf8), outputByteCount: 32)
    }

    /// - Parameter request: the request's fingerprint, without which the answer does not open.
    func seal(_ answer: [UInt8], for request: [UInt8]) throws -> [UInt8] {
        guard let sealed = try AES.GCM.seal(answer, using: key, authenticating: request).combined else {
            preconditionFailure("a box with a nonce of 12 bytes has a combined form")
        }
        return Array(sealed)
    }

    /// - Throws: when the bytes are not what was sealed for this request.
    func open(_ sealed: [UInt8], for request: [UInt8]) throws -> [UInt8] {
        Array(try AES.GCM.open(AES.GCM.SealedBox(combined: sealed), using: key, authenticating: request))
    }
}
