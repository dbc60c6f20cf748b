import HTTPTypes
import Hummingbird

/// Keeps the scripts of other sites out, except those of `--allow-origin`, which get the CORS headers they need.
///
/// A browser says where a request comes from by `Origin` and `Sec-Fetch-Site`; other programs send neither. Opening the
/// page from a link is the one thing that another site may cause.
struct OriginMiddleware: RouterMiddleware {
  /// As browsers write them: `https://paint.example.org`.
  let allowed: Set<String>

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    let origins = request.headers[values: .origin]
    let foreign = origins.first { !isOwn($0, of: request) }
    if let foreign, origins.count == 1, allowed.contains(foreign.lowercased()) {
      if request.method == .options, let method = request.headers[.accessControlRequestMethod] {
        return preflight(from: foreign, method: method, request)
      }
      return shared(try await next(request, context), with: foreign)
    }
    let isPage = request.uri.path == "/" && (request.method == .get || request.method == .head)
    let isForeign = foreign != nil || ["cross-site", "same-site"].contains(request.headers[.secFetchSite] ?? "none")
    guard isPage || !isForeign else {
      let name = foreign ?? "another site"
      return RefusedRequest(
        .forbidden, "\(name.prefix(200)) may not use this server; --allow-origin ORIGIN lets a site", headers: varied
      ).response()
    }
    var response = try await next(request, context)
    response.headers.append(contentsOf: varied)
    return response
  }

  /// Whether it is the very host and port of the request; behind a proxy the scheme may be another.
  private func isOwn(_ origin: String, of request: Request) -> Bool {
    for (scheme, port) in [("http://", 80), ("https://", 443)] where origin.hasPrefix(scheme) {
      guard let own = request.head.authority.flatMap({ Authority($0) }), let other = Authority(origin.dropFirst(scheme.count))
      else { return false }
      return own.host == other.host && (own.port ?? port) == (other.port ?? port)
    }
    return false
  }

  private var varied: HTTPFields { allowed.isEmpty ? [:] : [.vary: "Origin"] }

  private func shared(_ response: Response, with origin: String) -> Response {
    var response = response
    response.headers[.accessControlAllowOrigin] = origin
    response.headers[.accessControlExposeHeaders] = "Retry-After, X-Request-Id"
    response.headers[.crossOriginResourcePolicy] = "cross-origin"
    response.headers.append(contentsOf: varied)
    return response
  }

  private func preflight(from origin: String, method: String, _ request: Request) -> Response {
    var response = shared(Response(status: .noContent), with: origin)
    response.headers[.accessControlExposeHeaders] = nil
    response.headers[.accessControlAllowMethods] = "GET, POST, DELETE"
    response.headers[.accessControlAllowHeaders] = "Authorization, Content-Type, X-API-Key, X-Request-Id"
    response.headers[.accessControlMaxAge] = "600"
    response.headers[.vary] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
    if request.headers[.accessControlRequestPrivateNetwork] == "true" {
      response.headers[.accessControlAllowPrivateNetwork] = "true"
    }
    return response
  }
}

package enum AllowedOrigin {
  /// An origin as browsers write it: in lower case, without its scheme's own port.
  /// - Returns: nil for what is none: a scheme, a host, perhaps a port, and nothing behind them.
  @Sendable package static func read(_ text: String) -> String? {
    let text = text.lowercased()
    for (scheme, usual) in [("http://", 80), ("https://", 443)] where text.hasPrefix(scheme) {
      guard let authority = Authority(text.dropFirst(scheme.count)), !authority.host.isEmpty else { return nil }
      let port = authority.port.flatMap { $0 == usual ? nil : ":\($0)" } ?? ""
      return scheme + Authority.bracketed(authority.host) + port
    }
    return nil
  }
}

extension HTTPField.Name {
  private static func named(_ name: String) -> Self { Self(name) ?? .from }  // never the latter: all below are tokens
  static let secFetchSite = named("Sec-Fetch-Site")
  static let accessControlRequestPrivateNetwork = named("Access-Control-Request-Private-Network")
  static let accessControlAllowPrivateNetwork = named("Access-Control-Allow-Private-Network")
  static let apiKey = named("X-API-Key")
  static let requestID = named("X-Request-Id")
  static let permissionsPolicy = named("Permissions-Policy")
  static let frameOptions = named("X-Frame-Options")
  static let referrerPolicy = named("Referrer-Policy")
  static let crossOriginOpenerPolicy = named("Cross-Origin-Opener-Policy")
}
