import Hummingbird
import Synchronization

/// Which methods each path takes; filled once all routes are there, read by what stands before them.
package final class RouteTable: Sendable {
  private let routes = Mutex<[(path: RouterPath, method: HTTPRequest.Method)]>([])

  package init() {}

  package func fill(from router: Router<ServerContext>) {
    let all = router.routes.map { ($0.path, $0.method) }
    routes.withLock { $0 = all }
  }

  /// The methods that some route takes at `path`, sorted, with HEAD where there is GET; none: there is no such path.
  func methods(of path: String) -> [HTTPRequest.Method] {
    let parts = path.split(separator: "/")
    let found = routes.withLock { routes in
      routes.filter { route in route.path.count == parts.count && zip(route.path, parts).allSatisfy { $0 ~= $1 } }.map(\.method)
    }
    return Set(found + (found.contains(.get) ? [.head] : [])).sorted { $0.rawValue < $1.rawValue }
  }
}
