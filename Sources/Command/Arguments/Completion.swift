import ArgumentParser
import DiTModels
import Foundation

/// Values that a shell offers after Tab.
enum Completion {
  /// The default model's classes.
  static var classes: [String] {
    guard let url = try? ModelLocator().locate(nil) else { return [] }
    return ((try? ModelFolder(url))?.classes ?? []).map(quoted)
  }

  /// Models by name, and what lies in the folder that was typed so far.
  static func models(_ typed: String) -> [String] {
    let folder = typed.contains("/") ? String(typed[...(typed.lastIndex(of: "/") ?? typed.startIndex)]) : ""
    let expanded = NSString(string: folder.isEmpty ? "." : folder).expandingTildeInPath
    let inside = (try? FileManager.default.contentsOfDirectory(atPath: expanded)) ?? []
    return ModelLocator().models.map(\.name) + inside.sorted().map { quoted(folder + $0) }
  }

  /// bash takes the words apart as it does those of a command: an apostrophe would hide all of them.
  private static func quoted(_ word: String) -> String {
    guard CompletionShell.requesting == .bash else { return word }
    return word.reduce(into: "") { $0 += ("'\"\\".contains($1) ? "\\" : "") + String($1) }
  }
}
