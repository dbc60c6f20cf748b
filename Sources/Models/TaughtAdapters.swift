import DiTCheckpoints
import DiTErrors
import DiTFiles
import Foundation

/// The adapters that the user has taught, which prompts find by their words: those in the program's own folder, and of
/// these the ones that `dit-t2i teach` made.
package struct TaughtAdapters: Sendable {
  package struct Entry: Sendable, Equatable {
    /// As `--lora` names it.
    package let name: String
    package let url: URL
    package let record: TaughtRecord
  }

  /// By name.
  package let entries: [Entry]

  /// `adapters` in `$XDG_DATA_HOME/dit-t2i`, else in `~/.local/share/dit-t2i`.
  package static var folder: URL {
    userFolder("XDG_DATA_HOME", else: "~/.local/share").appendingPathComponent("adapters")
  }

  /// More than this would slow down every picture.
  private static let most = 1000

  /// - Parameter folder: need not be there; what in it is damaged is passed over, for nobody asked for it.
  package init(in folder: URL = TaughtAdapters.folder) {
    let files = ((try? names(in: folder)) ?? []).filter { $0.hasSuffix(".safetensors") && !$0.hasPrefix(".") }
    entries = files.prefix(TaughtAdapters.most).compactMap { file in
      let url = folder.appendingPathComponent(file)
      guard let header = try? openCheckpoint(at: url), let record = TaughtRecord(header.metadata) else { return nil }
      return Entry(name: LoRA.name(of: url), url: url, record: record)
    }
  }

  /// Those whose word a prompt has, as whole words in any case.
  package func named(in prompt: String) -> [Entry] {
    guard !entries.isEmpty, !CombiningMarks.areTooMany(in: prompt.unicodeScalars) else { return [] }
    let words = TaughtAdapters.words(prompt)
    return entries.filter { words.contains(TaughtAdapters.words($0.record.word)) }
  }

  /// Whether a text has a word, as ``named(in:)`` looks for it.
  package static func has(_ word: String, _ text: String) -> Bool { words(text).contains(words(word)) }

  static func begins(_ text: String, with word: String) -> Bool { words(text).hasPrefix(words(word)) }

  /// " my penguin in the forest ": every word between blanks.
  private static func words(_ text: String) -> String {
    " " + text.lowercased().split { !($0.isLetter || $0.isNumber) }.joined(separator: " ") + " "
  }
}
