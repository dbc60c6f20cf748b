import Foundation
import NIOCore

/// How much of everything one client may take.
package struct RequestLimits: Sendable {
  /// Of a body.
  package var bodyBytes = 32 << 20
  /// Of all bodies that are held at one time.
  package var heldBytes = 256 << 20
  /// Of all headers of a request together, and how many there may be.
  package var headerBytes = 32 << 10
  package var headerCount = 100
  /// To send a request, and what is added for each `slowest` bytes of its body, in seconds.
  package var requestTime = 30.0
  package var slowest = 32_768.0
  /// How long an answer may lie unread, and a connection without a request, in seconds.
  package var stallTime = 60.0
  package var idleTime = 60.0
  /// How often the times are looked at, in seconds.
  package var tick = 1.0
  /// Connections at one time. Those beyond wait until one ends.
  package var connections = 12_000

  package init() {}

  /// Asks the system for as many open files as it gives, and keeps some for models, the log and what the libraries open.
  /// - Returns: how many connections that leaves.
  package mutating func fitOpenFiles(reserve: Int = 128) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return connections }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    let open = Int(clamping: limit.rlim_cur)
    connections = min(connections, max(open - reserve, open / 2))
    return connections
  }
}
