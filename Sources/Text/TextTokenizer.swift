/// Text to the token ids of one vocabulary, and back.
package protocol TextTokenizer: Sendable {
  var vocabularySize: Int { get }
  /// Stands for what the vocabulary cannot spell.
  var unknownID: Int { get }
  /// Longest sequence the model was trained with, end token included.
  var maximumLength: Int { get }
  /// Ids of a text and the end token: at most ``maximumLength``.
  /// - Throws: where memory is short, as ``pieces(of:)``.
  func encode(_ text: String) throws -> [Int]
  /// Ids of any bytes, without an end token and of any length; malformed UTF-8 counts as U+FFFD.
  func pieces(of utf8: [UInt8]) throws -> [Int]
  /// The piece an id stands for, with U+2581 for a space.
  func piece(_ id: Int) -> String
}
