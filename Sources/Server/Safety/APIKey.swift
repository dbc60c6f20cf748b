import DiTCOpenSSL
import DiTErrors
import DiTFiles
import Foundation
import HTTPTypes
import Hummingbird

/// The key that a client must know. Only its SHA-256 is kept.
package struct APIKey: Sendable {
  private let digest: [UInt8]

  /// - Throws: ``APIKeyError`` for what cannot be sent in a header.
  package init(_ key: String) throws(APIKeyError) {
    guard !key.isEmpty else { throw .empty }
    guard key.utf8.count <= 1024, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw .unsendable }
    digest = sha256(Array(key.utf8))
  }

  /// - Parameter file: a key alone; a line's end behind it does not count.
  /// - Throws: `FileError`, ``APIKeyError``.
  package init(file: URL) throws {
    let text = String(decoding: try readFile(file, limit: 4096), as: UTF8.self)
    try self.init(text.trimmingCharacters(in: .whitespacesAndNewlines))
  }

  /// Takes as long wherever the two differ, and however long `key` is.
  func isEqual(to key: some StringProtocol) -> Bool {
    zip(digest, sha256(Array(key.utf8))).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }

  /// Whether one of the headers that clients use has the key: `Authorization: Bearer KEY`, `X-API-Key: KEY`, or the password
  /// of `Authorization: Basic`, whatever the user's name is.
  func isIn(_ headers: HTTPFields) -> Bool {
    if let key = headers[.apiKey], isEqual(to: key) { return true }
    let words = (headers[.authorization] ?? "").split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
    guard words.count == 2 else { return false }
    switch words[0].lowercased() {
    case "bearer": return isEqual(to: words[1].trimmingCharacters(in: .whitespaces))
    case "basic":
      guard let pair = Data(base64Encoded: String(words[1])), let colon = pair.firstIndex(of: UInt8(ascii: ":"))
      else { return false }
      return isEqual(to: String(decoding: pair[(colon + 1)...], as: UTF8.self))
    default: return false
    }
  }
}

package enum APIKeyError: UserError, Equatable {
  case empty, unsendable
  /// An address that other machines reach.
  case needed(host: String)

  package var kind: UserErrorKind { .usage }
  package var description: String {
    switch self {
    case .empty: "the API key is empty"
    case .unsendable: "the API key: expected up to 1024 letters, digits and signs of ASCII, without spaces"
    case .needed(let host):
      "at \(host) other machines reach this server: give it a key by --api-key-file FILE, or leave --host out"
    }
  }
}

/// SHA-256, 32 bytes.
func sha256(_ bytes: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 32)
  bytes.withUnsafeBytes { _ = EVP_Digest($0.baseAddress, $0.count, &digest, nil, EVP_sha256(), nil) }
  return digest
}

/// Lets in who knows the key. The page is sent to everyone, for it asks for the key itself; `/health` says strangers less.
struct KeyMiddleware: RouterMiddleware {
  let key: APIKey

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard ["/", "/health"].contains(request.uri.path) || key.isIn(request.headers) else {
      // Basic is taken but not asked for: browsers would ask for it themselves, before the page can.
      throw RefusedRequest(
        .unauthorized, "this server wants its API key: Authorization: Bearer KEY, or X-API-Key: KEY",
        headers: [.wwwAuthenticate: "Bearer realm=\"dit-t2i\""])
    }
    return try await next(request, context)
  }
}
