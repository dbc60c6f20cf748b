import Foundation

/// The program's own folder among the user's, where the XDG Base Directory Specification puts it.
/// - Parameters:
///   - variable: `XDG_CONFIG_HOME`, say; a path that is not absolute does not count.
///   - usual: where that is without the variable.
package func userFolder(_ variable: String, else usual: String) -> URL {
  let named = ProcessInfo.processInfo.environment[variable].flatMap { $0.hasPrefix("/") ? $0 : nil }
  return URL(fileURLWithPath: named ?? NSString(string: usual).expandingTildeInPath).appendingPathComponent("dit-t2i")
}
