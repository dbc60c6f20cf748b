import Foundation
import HTTPTypes
import Hummingbird

/// What browsers are told of every answer: no sniffing, no framing, no referrer, nothing from elsewhere, and for the page
/// no script or style but the ones it was built with.
struct HeadersMiddleware: RouterMiddleware {
  let pagePolicy: String

  /// - Parameter page: the HTML, whose `<script>` and `<style>` are allowed by their SHA-256.
  init(page: [UInt8]) {
    pagePolicy = contentSecurityPolicy(of: String(decoding: page, as: UTF8.self))
  }

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    var response = try await next(request, context)
    let isPage = response.headers[.contentType]?.hasPrefix("text/html") ?? false
    let all: [(HTTPField.Name, String)] = [
      (.contentSecurityPolicy, isPage ? pagePolicy : "default-src 'none'; frame-ancestors 'none'"),
      (.xContentTypeOptions, "nosniff"), (.referrerPolicy, "no-referrer"), (.frameOptions, "DENY"),
      (.crossOriginOpenerPolicy, "same-origin"), (.crossOriginResourcePolicy, "same-origin"),
      (.permissionsPolicy, "camera=(), geolocation=(), microphone=()"), (.cacheControl, "no-store"),
    ]
    for (name, value) in all where response.headers[name] == nil { response.headers[name] = value }
    return response
  }
}

/// A policy under which an HTML page runs its own inline scripts and styles, shows pictures it was sent, and talks to the
/// server it came from alone.
func contentSecurityPolicy(of page: String) -> String {
  // An element ends where HTML says it does: at the first end tag, whatever that stands in.
  let scripts = hashes(page.matches(of: #/<script(?:\s[^>]*)?>(.*?)</script\s*>/#.ignoresCase().dotMatchesNewlines()).map(\.1))
  let styles = hashes(page.matches(of: #/<style(?:\s[^>]*)?>(.*?)</style\s*>/#.ignoresCase().dotMatchesNewlines()).map(\.1))
  return """
    default-src 'none'; script-src \(scripts); style-src \(styles); img-src 'self' data: blob:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'
    """
}

private func hashes(_ contents: [Substring]) -> String {
  let all = contents.map { "'sha256-\(Data(sha256(Array($0.utf8))).base64EncodedString())'" }
  return all.isEmpty ? "'none'" : all.joined(separator: " ")
}
