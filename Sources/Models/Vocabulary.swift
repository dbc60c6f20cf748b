import DiTCheckpoints
import DiTErrors
import DiTFiles
import Foundation

/// The words that a model was trained on: `vocabulary.txt` in its folder, a word a line, in lower case.
///
/// A word beside them is drawn as something, but not as itself, and only this list can tell.
public struct Vocabulary: Sendable {
  private let words: Set<Substring>

  /// - Returns: nil where the folder has no list; one that cannot be read is no reason not to draw.
  public init?(of folder: ModelFolder) {
    let url = folder.url.appendingPathComponent("vocabulary.txt")
    guard let bytes = try? readFile(url, limit: 16 << 20), bytes.withUnsafeBytes(standIn) == nil,
      !CombiningMarks.areTooMany(in: bytes)
    else { return nil }
    self.init(String(decoding: bytes, as: UTF8.self))
  }

  /// In order.
  package var all: [String] { words.map(String.init).sorted() }

  init(_ text: String) { words = Set(text.split(whereSeparator: \.isNewline)) }

  /// Words of a text, runs of letters, that are not in the list: each once, in order, as they are written there.
  public func unknown(in text: String) -> [String] {
    var seen: Set<Substring> = []
    return text.split(whereSeparator: { !$0.isLetter })
      .filter { !words.contains(Substring($0.lowercased())) && seen.insert($0).inserted }.map(String.init)
  }
}
