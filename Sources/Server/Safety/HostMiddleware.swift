import Hummingbird

/// Answers only where the browser meant this server: a site whose name was pointed at this machine (DNS rebinding) sends
/// its own name as `Host`.
struct HostMiddleware: RouterMiddleware {
  let rule: HostRule

  func handle(
    _ request: Request, context: ServerContext, next: (Request, ServerContext) async throws -> Response
  ) async throws -> Response {
    guard let text = request.head.authority, let authority = Authority(text) else {
      throw RefusedRequest(.badRequest, "the request has no valid Host")
    }
    guard rule.allows(authority) else {
      let name = authority.host
      throw RefusedRequest(.misdirectedRequest, "this server does not answer for \"\(name)\"; --allow-host \(name) lets it")
    }
    return try await next(request, context)
  }
}

/// The hosts that a server answers for.
package struct HostRule: Sendable {
  private let names: Set<String>
  private let addresses: Bool

  /// - Parameters:
  ///   - bound: the address the server listens at. On one that others reach, any address may be in `Host`: only a name
  ///     can be pointed at another machine.
  ///   - allowed: further names, without a port.
  package init(bound: String, allowed: [String]) {
    let own = Authority(Authority.bracketed(bound))
    names = Set(allowed.compactMap { Authority($0)?.host } + (own.map { [$0.host] } ?? []))
    addresses = !(own?.isLoopback ?? false)
  }

  /// - Returns: nil for what is no name or address alone.
  @Sendable package static func name(_ text: String) -> String? {
    let text = Authority.bracketed(text)
    return Authority(text).flatMap { $0.port == nil ? text : nil }
  }

  func allows(_ authority: Authority) -> Bool {
    authority.isLoopback || names.contains(authority.host) || addresses && authority.isAddress
  }
}
