import ArgumentParser
import DiTModels
import Foundation

/// The program as a shell completes it: with the options of drawing beside the subcommands, since `draw` need not be said.
struct Completion: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dit-t2i", version: DitT2I.configuration.version, subcommands: DitT2I.configuration.subcommands)

  @OptionGroup var draw: Draw

  /// The shell that `--generate-completion-script` asks for; nil where the arguments ask for none that is known.
  static func shell(_ arguments: [String]) -> CompletionShell? {
    let words = arguments[0].split(separator: "=", maxSplits: 1).map(String.init) + arguments.dropFirst()
    guard words[0] == "--generate-completion-script" else { return nil }
    return words.count > 1 ? CompletionShell(rawValue: words[1]) : CompletionShell.autodetected()
  }

  /// The default model's classes.
  static var classes: [String] {
    guard let url = try? ModelLocator().locate(nil) else { return [] }
    return ((try? ModelFolder(url))?.classes ?? []).map(quoted)
  }

  /// bash takes the words apart as it does those of a command: an apostrophe would hide all of them.
  private static func quoted(_ word: String) -> String {
    guard CompletionShell.requesting == .bash else { return word }
    return word.reduce(into: "") { $0 += ("'\"\\".contains($1) ? "\\" : "") + String($1) }
  }

  /// Models by name, and what lies in the folder that was typed so far.
  static func models(_ typed: String) -> [String] {
    let folder = typed.contains("/") ? String(typed[...(typed.lastIndex(of: "/") ?? typed.startIndex)]) : ""
    let expanded = NSString(string: folder.isEmpty ? "." : folder).expandingTildeInPath
    let inside = (try? FileManager.default.contentsOfDirectory(atPath: expanded)) ?? []
    return ModelLocator().models.map(\.name) + inside.sorted().map { quoted(folder + $0) }
  }
}
