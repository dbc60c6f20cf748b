import Hummingbird
import Logging

/// Who may use the server, and how much of it.
package struct Safety: Sendable {
  /// The address that is listened at.
  package var host = "127.0.0.1"
  /// Names that are answered for beside this machine's own.
  package var allowedHosts: [String] = []
  /// Sites whose scripts may use the server, as browsers write them.
  package var allowedOrigins: Set<String> = []
  package var apiKey: APIKey?
  package var limits = RequestLimits()

  package init() {}

  /// - Throws: ``APIKeyError`` where others could reach a server without a key.
  package func check() throws(APIKeyError) {
    guard apiKey != nil || Authority(Authority.bracketed(host))?.isLoopback == true else {
      throw .needed(host: host)
    }
  }

  /// Puts the middlewares before all routes that are added afterwards, the outermost first.
  /// - Returns: what wants to be filled once the routes are there.
  package func stand(
    before router: Router<ServerContext>, page: [UInt8], description: APIDescription, logger: Logger, metrics: Metrics
  ) -> RouteTable {
    let table = RouteTable()
    router.add(middleware: RecordMiddleware(logger: logger, metrics: metrics))
    router.add(middleware: HeadersMiddleware(page: page))
    router.add(middleware: OriginMiddleware(allowed: allowedOrigins))
    router.add(middleware: ErrorsMiddleware(routes: table))
    router.add(middleware: HostMiddleware(rule: HostRule(bound: host, allowed: allowedHosts)))
    if let apiKey { router.add(middleware: KeyMiddleware(key: apiKey)) }
    router.add(middleware: BodyMiddleware(limits: limits, mediaTypes: description.mediaTypes))
    return table
  }
}
