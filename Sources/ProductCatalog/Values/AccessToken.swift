import Crypto
import Foundation
import PGClient

/// A secret that opens the API. Shown once, when it is made; the database keeps its SHA-256 alone.
public struct AccessToken: Sendable {
    public enum Kind: String, Sendable, CaseIterable {
        case operatorToken = "op_"
        case publisherKey = "pub_"
        case appToken = "AT_"
        case inboundKey = "in_"
        case webhookSecret = "whsec_"
    }

    /// What the holder sends. Never logged, never stored.
    public let secret: String

    /// 32 random bytes (256 bits) from the system's generator behind the kind's prefix.
    public static func make(_ kind: Kind) -> AccessToken {
        let bytes = SymmetricKey(size: .bits256).withUnsafeBytes { Data($0) }
        // Standard Webhooks wants its secrets in plain base64; the others stand in URLs and headers.
        let text = bytes.base64EncodedString()
        guard kind != .webhookSecret else { return AccessToken(secret: kind.rawValue + text) }
        let urlSafe = text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        return AccessToken(secret: kind.rawValue + urlSafe)
    }

    public var digest: TokenDigest { TokenDigest(of: secret) }
}

/// SHA-256 of a token: what is stored, and what a token that comes in is looked up by.
///
/// Equality is swift-crypto's, in constant time; look-ups go by the digest, so their time tells nothing about the token.
public struct TokenDigest: Hashable, Sendable, PGEncodable {
    public let digest: SHA256.Digest

    public init(of secret: String) {
        var secret = secret
        digest = secret.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)) }
    }

    public static var pgType: PGType { Bytea.pgType }
    public func encode(into bytes: inout PGBytes) { digest.withUnsafeBytes { bytes.append($0) } }
}
