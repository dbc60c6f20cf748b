import Hummingbird
import NIOCore
import Synchronization

/// Reads each body whole before a route sees it: it has to be of a kind that the route takes, no larger than allowed, and to
/// fit beside the bodies that others send at the time.
struct BodyMiddleware: RouterMiddleware {
  let limits: RequestLimits
  /// Which media types a path takes; nil: it looks at no body.
  let mediaTypes: @Sendable (_ path: String, HTTPRequest.Method) -> Set<String>?
  let held = HeldBytes()

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    if let expected = request.headers[.expect], expected.lowercased() != "100-continue" {
      throw RefusedRequest(.expectationFailed, "Expect: 100-continue is the only expectation this server meets")
    }
    let mebibytes = limits.bodyBytes >> 20
    if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > limits.bodyBytes {
      throw RefusedRequest(.contentTooLarge, "the body has \(length) bytes; this server takes up to \(mebibytes) MiB")
    }
    if let coding = request.headers[.contentEncoding], coding.lowercased() != "identity" {
      throw RefusedRequest(.unsupportedMediaType, "Content-Encoding: bodies are taken as they are, not compressed")
    }
    var taken = 0
    defer { held.give(taken) }
    var body = ByteBuffer()
    for try await part in request.body {
      guard body.readableBytes + part.readableBytes <= limits.bodyBytes else {
        throw RefusedRequest(.contentTooLarge, "the body is larger than the \(mebibytes) MiB that this server takes")
      }
      guard held.take(part.readableBytes, of: limits.heldBytes) else {
        throw RefusedRequest(
          .tooManyRequests, "too many large bodies are being sent; try again in a moment", headers: [.retryAfter: "1"])
      }
      taken += part.readableBytes
      body.writeImmutableBuffer(part)
    }
    if body.readableBytes > 0, let types = mediaTypes(request.uri.path, request.method) {
      let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }.lowercased().filter { $0 != " " && $0 != "\t" }
      guard types.contains(type) else {
        let wanted = types.sorted().joined(separator: " or ")
        let other = type.isEmpty ? "none" : "\"\(type.prefix(100))\""
        throw RefusedRequest(.unsupportedMediaType, "Content-Type: expected \(wanted), not \(other)")
      }
    }
    var request = request
    request.body = RequestBody(buffer: body)
    return try await next(request, context)
  }
}

/// How many bytes of bodies are held.
final class HeldBytes: Sendable {
  private let bytes = Mutex(0)

  /// - Returns: false where there would be more than `most`.
  func take(_ count: Int, of most: Int) -> Bool {
    bytes.withLock { bytes in
      guard bytes + count <= most else { return false }
      bytes += count
      return true
    }
  }

  func give(_ count: Int) { bytes.withLock { $0 -= count } }
}
