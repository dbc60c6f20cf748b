import DiTCheckpoints
import Foundation

/// GPT-2's pieces by id, to make text of tokens: `vocab.json` with `added_tokens.json` beside it. UniDiffuser's authors add
/// `<|EOS|>`, which ends a caption, behind the last piece of OpenAI's vocabulary; so does this, where the files have not done it.
package struct CaptionVocabulary: Sendable {
  private let pieces: [Int: String]
  /// Ends a caption.
  package let endID: Int

  /// - Parameter folder: of the tokenizer.
  /// - Throws: ``TokenizerError``.
  package init(_ folder: URL) throws {
    var pieces: [Int: String] = [:]
    let vocabulary = folder.appendingPathComponent("vocab.json")
    for file in [vocabulary, folder.appendingPathComponent("added_tokens.json")] where file == vocabulary || isThere(file) {
      let mapped = try mappedTokenizer(file)
      guard mapped.bytes.count <= largestTokenizerFile else {
        throw TokenizerError.unreadable(path: file.path, reason: "\(mapped.bytes.count) bytes are too many for one")
      }
      do {
        var json = StrictJSON(mapped.bytes, lenient: true)
        defer { withExtendedLifetime(mapped) {} }
        try json.object { json, key in pieces[try json.unsigned()] = key.string }
      } catch let problem as Malformed {
        throw TokenizerError.unreadable(path: file.path, reason: problem.reason)
      }
    }
    let isPlain = pieces.values.contains("<|endoftext|>")
    let added = isPlain ? pieces.keys.max().map { $0 + 1 } : nil
    guard let end = pieces.filter({ $0.value == "<|EOS|>" }).keys.min() ?? added else {
      throw TokenizerError.unreadable(
        path: vocabulary.path, reason: "no <|EOS|>, which ends captions, in it or in added_tokens.json")
    }
    (self.pieces, endID) = (pieces, end)
  }

  /// The text of a caption, without its end token: malformed UTF-8 becomes U+FFFD, and signs lose the space before them, as
  /// transformers 4 cleans up.
  package func text(of tokens: [Int]) -> String {
    let bytes = tokens.filter { $0 != endID }.flatMap { StandIns.bytes(pieces[$0] ?? "") }
    var text = String(decoding: bytes, as: UTF8.self)
    for (old, new) in [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"),
      (" 've", "'ve"), (" 're", "'re"),
    ] { text = text.replacing(old, with: new) }
    return text
  }
}
