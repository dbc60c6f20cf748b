import Foundation

/// Text to the token ids of one vocabulary, and back.
package protocol TextTokenizer: Sendable {
  /// Names of the files it is read from, the likeliest first.
  static var fileNames: [String] { get }
  /// The files that hold a tokenizer, as this program writes it, whatever it was read from.
  /// - Throws: ``TokenizerError``, or a configuration's or checkpoint's error.
  static func files(at url: URL) throws -> [(name: String, bytes: [UInt8])]

  /// - Parameter maximumLength: tokens kept of a longer text, start and end tokens included.
  /// - Throws: as ``files(at:)``.
  init(contentsOf url: URL, maximumLength: Int) throws

  var vocabularySize: Int { get }
  /// Stands for what the vocabulary cannot spell; nil: it spells everything.
  var unknownID: Int? { get }
  /// Longest sequence the model was trained with, start and end tokens included.
  var maximumLength: Int { get }
  /// Tokens before those of the text.
  var startCount: Int { get }
  /// And after them.
  var endCount: Int { get }
  /// What a model reads of a text: at most ``maximumLength`` ids, start and end tokens among them.
  /// - Throws: where memory is short, as ``pieces(of:)``.
  func encode(_ text: String) throws -> [Int]
  /// Ids of any bytes, without start and end tokens and of any length; malformed UTF-8 counts as U+FFFD.
  func pieces(of utf8: [UInt8]) throws -> [Int]
  /// The piece an id stands for, with U+2581 for a space.
  func piece(_ id: Int) -> String
}

extension TextTokenizer {
  /// As Hugging Face's tokenizers are, of 512 tokens at most.
  package init(contentsOf url: URL) throws { try self.init(contentsOf: url, maximumLength: 512) }

  package var endCount: Int { 1 }

  /// Of so many pieces those that do not fit beside start and end tokens.
  package func dropped(pieces count: Int) -> Int { max(0, count + startCount + endCount - maximumLength) }
}
