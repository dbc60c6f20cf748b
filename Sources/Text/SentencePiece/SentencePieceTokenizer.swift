import DiTCSentencePiece
import DiTCheckpoints
import Foundation

/// Text to token ids with a SentencePiece unigram model (Kudo and Richardson 2018), as T5 uses it:
/// the pieces of the text, then one end-of-sentence token.
package struct SentencePieceTokenizer: TextTokenizer {
  package static let fileNames = ["spiece.model", "tokenizer.json"]

  package let padID: Int
  package let endID: Int
  package let maximumLength: Int
  package var vocabularySize: Int { model.pieceCount }
  package var unknownID: Int? { model.unknownID }
  package var startCount: Int { 0 }
  private let model: SentencePieceModel

  /// - Parameters:
  ///   - url: see ``SentencePieceModel/bytes(at:json:)``.
  ///   - maximumLength: tokens kept of a longer text, end token included.
  /// - Throws: ``TokenizerError``.
  package init(contentsOf url: URL, maximumLength: Int) throws {
    model = try SentencePieceModel(SentencePieceTokenizer.model(at: url), of: url)
    guard let end = model.endID else { throw TokenizerError.noEndToken(path: url.path) }
    (endID, padID) = (end, model.padID)
    self.maximumLength = max(1, maximumLength)
  }

  /// Ids of a text and the end token: at most ``maximumLength``. The empty text is the end token alone.
  package func encode(_ text: String) throws -> [Int] {
    try pieces(of: Array(text.utf8)).prefix(maximumLength - 1) + [endID]
  }

  package func pieces(of utf8: [UInt8]) throws -> [Int] { try model.pieces(of: utf8) }
  package func piece(_ id: Int) -> String { model.piece(id) }

  /// Bytes of the `spiece.model`, or of one made from a Unigram `tokenizer.json`.
  /// - Throws: ``TokenizerError``, or a configuration's or checkpoint's error.
  package static func model(at url: URL) throws -> [UInt8] {
    try SentencePieceModel.bytes(at: url) { try readConfiguration(UnigramFile.self, at: $0).modelProto() }
  }

  package static func files(at url: URL) throws -> [(name: String, bytes: [UInt8])] { [("spiece.model", try model(at: url))] }
}
